import assert from 'node:assert/strict'
import { test } from 'node:test'
import { main } from '../../cli/main.ts'
import type { Finding, HostCheck } from '../../engine/types.ts'
import { fakeHost } from './fake-host.ts'

const CLEANED: Finding = { kind: 'work-stray', subject: 'work/x', problem: 'p', remedy: 'next-build', hint: 'h' }
const DAMAGED: Finding = { kind: 'blob-damaged', subject: 'oci/blobs/sha256/0', problem: 'p', remedy: 'hand', hint: 'h' }

for (const [findings, code] of [
  [[], 0],
  [[CLEANED], 0],
  [[CLEANED, DAMAGED], 3],
] as const) {
  test(`doctor --store ends with ${code} for ${findings.length} findings, and prints each`, async () => {
    const report = { root: '/store', findings, layers: 1, blobs: 2, trees: 3 }
    const text = fakeHost({ checkStore: async () => report })
    assert.equal(await main(['doctor', '--store'], text), code)
    assert.deepEqual(
      text.calls.map(({ name }) => name),
      ['openEngine', 'checkStore', 'dispose'],
    )
    const lines = text.terminal.out.trimEnd().split('\n')
    assert.equal(lines.length, findings.length + 1)
    for (const [index, { subject, remedy }] of findings.entries()) {
      assert.ok(lines[index]?.includes(subject))
      assert.equal(lines[index]?.startsWith('needs a hand'), remedy === 'hand')
    }
    const json = fakeHost({ checkStore: async () => report })
    assert.equal(await main(['doctor', '--store', '--format', 'json'], json), code)
    assert.deepEqual(
      json.terminal.out
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
      findings,
    )
  })
}

for (const [state, code] of [
  ['ok', 0],
  ['limited', 0],
  ['missing', 3],
] as const) {
  test(`doctor ends with ${code} where something is ${state}`, async () => {
    const checks: readonly HostCheck[] = [{ name: 'runtime', state, detail: 'd' }]
    const host = fakeHost({ checkHost: async () => checks })
    assert.equal(await main(['doctor', '--format', 'json'], host), code)
    assert.deepEqual(JSON.parse(host.terminal.out), checks[0])
  })
}
