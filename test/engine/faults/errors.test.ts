import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Sweep, survivesErrors } from './errors.ts'
import { openScene, type Scene } from './scene.ts'

const skip = process.geteuid?.() === 0 ? false : 'only root can ask the kernel to tell of system calls'
let scene: Scene

before(async () => {
  if (skip === false) scene = await openScene()
})
after(() => scene?.[Symbol.asyncDispose]())

/** Steps that are no divisor of each other, so that the kinds of calls are met at random. */
const SWEEPS: Readonly<Record<string, (scene: Scene) => Sweep>> = {
  'a call of a build fails': ({ build }) => ({ template: 'base', args: build, errno: 'EIO', stays: false, step: 397, first: 7 }),
  'a disk dies during a build': ({ build }) => ({ template: 'base', args: build, errno: 'EIO', stays: true, step: 701, first: 90 }),
  'a disk fills up during a build': ({ build }) => ({ template: 'base', args: build, errno: 'ENOSPC', stays: true, step: 701, first: 105 }),
  'a call of a cached build fails': ({ build }) => ({ template: 'built', args: build, errno: 'EIO', stays: false, step: 29, first: 9 }),
}

for (const [name, sweep] of Object.entries(SWEEPS)) {
  test(`${name}: one clear error or none, no damage, and the next one works`, { skip, timeout: 240_000 }, async () => {
    assert.ok((await survivesErrors(scene, sweep(scene))) > 0, 'nothing failed')
  })
}
