import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { canonical } from '../../../core/canonical.ts'
import { blake3Digest, type Digest, hexOf } from '../../../core/digest.ts'
import type { Effects } from '../../../core/effects.ts'
import { hostEffects } from '../../../engine/host.ts'
import { loadNative } from '../../../native/index.ts'
import { openStore, type Store } from '../../../store/store.ts'

/** One store as several processes see it, by a clock of its own. */
export interface Stocked {
  readonly clock: { now: number }
  open(): Promise<Store>
}

export function stock(t: TestContext): Stocked {
  const root = mkdtempSync(join(tmpdir(), 'tsbuild-gc-'))
  const clock = { now: 1_000_000_000_000 }
  const effects: Effects = { ...hostEffects, now: () => clock.now }
  const opened: Store[] = []
  t.after(async () => {
    for (const store of opened) await store[Symbol.asyncDispose]()
    rmSync(root, { recursive: true, force: true })
  })
  return {
    clock,
    open: async () => {
      const store = await openStore(join(root, 'store'), loadNative(), effects)
      await store.prepare()
      opened.push(store)
      return store
    },
  }
}

export interface Step {
  readonly name: string
  /** Of its layer's one file. */
  readonly bytes?: number
  readonly on?: string
  readonly duration?: number
  /** Another step's layer stands in. */
  readonly layer?: string
}

export const keyOfStep = (name: string): Digest => blake3Digest(`key ${name}`)
export const treeOfStep = (name: string): Digest => blake3Digest(`tree ${name}`)

/** A layer's id in a test: what a record names has to look like nothing else. */
export const layerOfStep = (name: string): string => `layer-${name}`

/** Records a step as a build does. The process that does it has the layer pinned. */
export function record(store: Store, now: number, { name, bytes = 10_000, on, duration = 1000, layer }: Step): void {
  const id = layer ?? layerOfStep(name)
  if (layer === undefined) {
    const directory = join(store.layout.layers, id, 'diff')
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'f'), Buffer.alloc(bytes, name))
    store.layers.announce({ id, delta: blake3Digest(id), entries: 1, bytes, created: now }, store.leases.own().id)
  }
  writeFileSync(join(store.layout.trees, hexOf(treeOfStep(name))), 'index')
  store.publisher.add({
    layers: layer === undefined ? [id] : [],
    claim: keyOfStep(name),
    record: {
      key: keyOfStep(name),
      kin: keyOfStep(name),
      preimage: canonical({ version: 1, op: { kind: 'run', args: ['/bin/sh', '-c', name] }, inputs: [] }),
      result: JSON.stringify({ layer: id, tree: treeOfStep(name) }),
      trees: on === undefined ? [] : [treeOfStep(on)],
      created: now,
      duration,
    },
  })
}

/** As if the process had ended: what it has pinned is free. */
export function unpin(store: Store): void {
  store.leases.forget([store.leases.own().id])
}
