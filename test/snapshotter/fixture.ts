import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Digest } from '../../core/digest.ts'
import { hostEffects } from '../../engine/host.ts'
import { loadNative } from '../../native/index.ts'
import type { PackedLayer } from '../../snapshotter/apply.ts'
import type { SnapshotterContext } from '../../snapshotter/snapshot.ts'
import { openStore } from '../../store/store.ts'
import { runProcess } from '../support/process.ts'

/** A real store with the real native side, and a folder for blobs. */
export interface Fixture extends AsyncDisposable, SnapshotterContext {
  readonly folder: string
}

export async function openFixture(): Promise<Fixture> {
  const folder = mkdtempSync(join(tmpdir(), 'tsbuild-snapshotter-'))
  const native = loadNative()
  const store = await openStore(join(folder, 'store'), native, hostEffects)
  return {
    store,
    native,
    effects: hostEffects,
    folder,
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A layer as GNU tar packs a folder that a shell script fills. `fetched` counts how often its blob is asked for. */
export async function layerOf(fixture: Fixture, name: string, script: string): Promise<PackedLayer & { fetched: number }> {
  const blob = join(fixture.folder, `${name}.tar`)
  const made = await runProcess('sh', [
    '-euc',
    `mkdir "$1" && cd "$1" && ${script}\ntar -cf "$2" *`,
    'sh',
    join(fixture.folder, name),
    blob,
  ])
  if (made.code !== 0) throw new Error(made.stderr)
  return packed(blob)
}

/** A layer from a tar that a Python script writes with `t` (an open TarFile) and `entry(name, **fields)`. */
export async function craftedLayer(fixture: Fixture, name: string, script: string): Promise<PackedLayer & { fetched: number }> {
  const blob = join(fixture.folder, `${name}.tar`)
  const program = `
import sys, tarfile
t = tarfile.open(sys.argv[1], 'w')
def entry(name, **fields):
    info = tarfile.TarInfo(name)
    for key, value in fields.items(): setattr(info, key, value)
    t.addfile(info)
${script}
t.close()`
  writeFileSync(join(fixture.folder, `${name}.py`), program)
  const made = await runProcess('python3', [join(fixture.folder, `${name}.py`), blob])
  if (made.code !== 0) throw new Error(made.stderr)
  return packed(blob)
}

async function packed(blob: string): Promise<PackedLayer & { fetched: number }> {
  const { readFile } = await import('node:fs/promises')
  const diffId: Digest = `sha256:${createHash('sha256')
    .update(await readFile(blob))
    .digest('hex')}`
  const layer = {
    diffId,
    compression: 'none' as const,
    fetched: 0,
    blob: async () => {
      layer.fetched += 1
      return { path: blob }
    },
  }
  return layer
}
