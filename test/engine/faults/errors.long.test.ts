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

const run = ['run', '--rm', '--network', 'none', 'busybox', 'echo', 'out']
const save = ['save', '-o', '/dev/null', 'busybox']

/** As in errors.test.ts, every third to tenth call, of commands of all kinds. */
const SWEEPS: Readonly<Record<string, (scene: Scene) => Sweep>> = {
  'a call of a build fails': ({ build }) => ({ template: 'base', args: build, errno: 'EIO', stays: false, step: 7 }),
  'a disk dies during a build': ({ build }) => ({ template: 'base', args: build, errno: 'EIO', stays: true, step: 23 }),
  'a disk fills up during a build': ({ build }) => ({ template: 'base', args: build, errno: 'ENOSPC', stays: true, step: 23, first: 2 }),
  'a disk is made read-only during a build': ({ build }) => ({
    template: 'base',
    args: build,
    errno: 'EROFS',
    stays: true,
    step: 61,
    first: 3,
  }),
  'a call of a cached build fails': ({ build }) => ({ template: 'built', args: build, errno: 'EIO', stays: false, step: 1 }),
  'a call of a migration fails': ({ build }) => ({ template: 'old', args: build, errno: 'EIO', stays: false, step: 5, last: 150 }),
  'a call of a pull fails': ({ pull }) => ({ template: 'base', args: pull, errno: 'EIO', stays: false, step: 5 }),
  'a call of a load fails': ({ archive }) => ({ template: 'empty', args: ['load', '-i', archive], errno: 'EIO', stays: false, step: 13 }),
  'a call of a run fails': () => ({ template: 'base', args: run, errno: 'EIO', stays: false, step: 3 }),
  'a call of a save fails': () => ({ template: 'base', args: save, errno: 'EIO', stays: false, step: 1 }),
}

for (const [name, sweep] of Object.entries(SWEEPS)) {
  test(`${name}: one clear error or none, no damage, and the next one works`, { skip, timeout: 3_600_000 }, async () => {
    assert.ok((await survivesErrors(scene, sweep(scene))) > 0, 'nothing failed')
  })
}
