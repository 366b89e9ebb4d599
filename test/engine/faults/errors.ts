import assert from 'node:assert/strict'
import { hostEffects } from '../../../engine/host.ts'
import { loadNative } from '../../../native/index.ts'
import { verifyStore } from '../../../store/verify/verify.ts'
import { type FaultyRun, runFaulty } from '../../support/faults.ts'
import { remains } from '../../support/leftovers.ts'
import { storeFaults } from '../store-check.ts'
import type { Scene, Template } from './scene.ts'

/** What a sick disk says, and what we make of it. */
const CODES = { EIO: 'TSB_DISK_FAILED', ENOSPC: 'TSB_DISK_FULL', EROFS: 'TSB_DISK_READONLY' } as const

export interface Sweep {
  readonly template: Template
  readonly args: readonly string[]
  readonly errno: keyof typeof CODES
  /** Whether the disk stays sick from then on, until the command has ended. */
  readonly stays: boolean
  /** Every how manieth call, and where to begin. */
  readonly step: number
  readonly first?: number
  readonly last?: number
}

/**
 * Lets one call after another fail that a command makes to files of its store. Each time the command does all the same what it should,
 * or ends with one error of its own, and the next one does it; the store is never damaged.
 * @returns how often the command ended with an error
 */
export async function survivesErrors(scene: Scene, sweep: Sweep): Promise<number> {
  const reference = await runFaulty(scene.storeOf(sweep.template), sweep.args, { env: scene.env })
  assert.equal(reference.code, 0, reference.stderr)
  let failures = 0
  for (let at = sweep.first ?? 1; at <= Math.min(reference.counted, sweep.last ?? reference.counted); at += sweep.step) {
    const root = scene.storeOf(sweep.template)
    const last = sweep.stays ? Number.MAX_SAFE_INTEGER : at
    const run = await runFaulty(root, sweep.args, { env: scene.env, fault: { kind: 'errno', at, last, errno: sweep.errno } })
    const what = `${sweep.errno} at call ${at} (${run.hits[0]?.call} ${run.hits[0]?.path}) of \`${sweep.args.join(' ')}\`: ${run.stderr}`
    if (run.code !== 0) failures += 1
    assertClear(run, reference, sweep, what)
    assert.deepEqual([...(await damageOf(root)), ...run.survivors, ...scene.strays()], [], what)
    assert.equal(await scene.must(root, sweep.args), reference.stdout, what)
    assert.deepEqual([...(await storeFaults(root)), ...remains(root)], [], what)
  }
  return failures
}

/** What the next build does not clean. */
async function damageOf(root: string): Promise<readonly string[]> {
  const { findings } = await verifyStore(root, loadNative(), hostEffects, new AbortController().signal)
  return findings.filter(({ remedy }) => remedy === 'hand').map(({ kind, subject }) => `${kind} ${subject}`)
}

/** The command has done what it should, or says once and clearly that it could not. */
function assertClear(run: FaultyRun, reference: FaultyRun, sweep: Sweep, what: string): void {
  if (run.code === 0) {
    assert.equal(run.stdout, reference.stdout, what)
    return
  }
  // Docker's code of a `run` whose program never had a say.
  assert.equal(run.code, sweep.args[0] === 'run' ? 125 : 3, what)
  assert.equal(run.stderr.match(/^error: /gm)?.length, 1, what)
  assert.equal(run.stderr.match(/^hint: /gm)?.length, 1, what)
  const said = /\[(TSB_\w+)\]$/m.exec(run.stderr)?.[1] ?? ''
  const hits = (pattern: RegExp): boolean => run.hits.some(({ path }) => pattern.test(path))
  const expected = [
    CODES[sweep.errno],
    // SQLite keeps the system's reason to itself, and opens what it may not write to for reading.
    ...(hits(/tsbuild\.db(-\w+)?$/) ? ['TSB_DISK_FAILED', 'TSB_DISK_READONLY', 'TSB_STORE_UNREADABLE'] : []),
    // A runtime may not say why it could not write the files of a container.
    ...(hits(/\/containers\//) ? ['TSB_RUNTIME_FAILED'] : []),
  ]
  assert.ok(expected.includes(said), what)
}
