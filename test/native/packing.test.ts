import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LEVELS, packingOf } from '../../core/packing.ts'
import { loadNative } from '../../native/index.ts'

test('the usual level is that of the native core, and another level is another blob', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tsbuild-packing-'))
  try {
    const text = Array.from({ length: 60_000 }, (_, n) => `${(n * 7919) % 1009} of ${(n * 104_729) % 577}`).join('\n')
    const upper = mkdtempSync(join(directory, 'upper'))
    writeFileSync(join(upper, 'text'), text)
    let count = 0
    const pack = async (packing: Parameters<ReturnType<typeof loadNative>['writeLayer']>[0]['compression'], level?: number) => {
      const output = join(directory, String(count++))
      return loadNative().writeLayer({ upper, output, compression: packing, ...(level === undefined ? {} : { level }) })
    }
    for (const compression of ['gzip', 'zstd'] as const) {
      const usual = await pack(compression)
      assert.deepEqual(await pack(compression, packingOf(compression).level), usual)
      const most = await pack(compression, LEVELS[compression].most)
      assert.notEqual(most.digest, usual.digest)
      assert.equal(most.diffId, usual.diffId)
      assert.deepEqual(await pack(compression, packingOf(compression, 0).level), await pack(compression, compression === 'zstd' ? 1 : 0))
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
