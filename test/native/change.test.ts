import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { loadNative } from '../../native/index.ts'
import type { ChangeAction } from '../../native/types.ts'
import { failsWith, listing, mounts, skipUnlessRoot, stageFor } from './stage.ts'

const CONTEXT = {
  'context/f': 'one\n',
  'context/lf': '-> f',
  'context/ld': '-> d',
  'context/d/sub/x': 'two\n',
  'context/d/y': '04755|y\n',
  'context/d/ly': '-> y',
  'context/d/sub/': '0700|',
  'context/d/': '0700|',
  'context/e/': '',
  'context/rootfs/lib/libx': 'lib\n',
  'context/up/s/f/': '',
  'context/hl/a': 'a',
  'context/hl/b': '= context/hl/a',
}

const BASE = {
  'base/etc/passwd': 'bob:x:500:600::/:/bin/sh\n5:x:700:701::/:/bin/sh\n',
  'base/etc/group': 'grp:x:900:\n',
  'base/dd/f/inner/': '',
  'base/s/f': '-> ../zz',
  'base/zz': 'zz',
  'base/sub/q': 'q',
  'base/sub/': '0711|',
  'base/lib2/': '',
  'base/lib': '-> lib2',
  'base/target/file': 'orig\n',
  'base/lnk': '-> target/file',
  'base/dangling': '-> nowhere/deep',
  'base/tdir/': '02770|',
}

/** `COPY [--chown=…] [--chmod=…] source… destination`, and what it leaves in the upper directory or fails with. */
interface Case {
  readonly copy: string
  readonly gives?: readonly string[]
  readonly fails?: string
}

const D = (at: string, owner = '0:0', tree = { sub: '700', x: '644', y: '4755' }): string[] => [
  `${at}/ly l ${owner} y old`,
  `${at}/sub d ${tree.sub} ${owner} old`,
  `${at}/sub/x f ${tree.x} ${owner} 4 old`,
  `${at}/y f ${tree.y} ${owner} 2 old`,
]

// Every case was run on Docker 28 (BuildKit); what it gave is written here.
const CASES: readonly Case[] = [
  { copy: 'f /o', gives: ['o f 644 0:0 4 old'] },
  { copy: 'f /o/', gives: ['o d 755 0:0 new', 'o/f f 644 0:0 4 old'] },
  { copy: 'f /sub', gives: ['sub d 711 0:0 new', 'sub/f f 644 0:0 4 old'] },
  { copy: 'f /lnk', gives: ['target d 755 0:0 new', 'target/file f 644 0:0 4 old'] },
  { copy: 'f /dangling', gives: ['nowhere d 755 0:0 new', 'nowhere/deep f 644 0:0 4 old'] },
  { copy: 'f /s/', gives: ['s d 755 0:0 new', 's/f f 644 0:0 4 old'] },
  { copy: 'f /dd', fails: 'TSB_COPY_CONFLICT' },
  { copy: 'f /dd/f', gives: ['dd d 755 0:0 old', 'dd/f d 755 0:0 new', 'dd/f/f f 644 0:0 4 old'] },
  { copy: 'f /zz/', fails: 'TSB_COPY_CONFLICT' },
  { copy: 'f /zz/a/b', fails: 'TSB_COPY_CONFLICT' },
  { copy: 'absent /x', fails: 'TSB_COPY_SOURCE_MISSING' },
  { copy: 'lf /o/', gives: ['o d 755 0:0 new', 'o/lf f 644 0:0 4 old'] },
  { copy: 'ld /o', gives: ['o d 755 0:0 old', ...D('o')] },
  { copy: 'd /zz', fails: 'TSB_COPY_CONFLICT' },
  { copy: 'd /tdir', gives: ['tdir d 2770 0:0 old', ...D('tdir')] },
  { copy: 'd /dangling/', gives: ['nowhere d 755 0:0 new', 'nowhere/deep d 755 0:0 old', ...D('nowhere/deep')] },
  { copy: 'up /', fails: 'TSB_COPY_CONFLICT' },
  { copy: 'rootfs /', fails: 'TSB_COPY_CONFLICT' },
  { copy: 'e /empty', gives: ['empty d 755 0:0 old'] },
  { copy: 'f d/y d/sub/x /multi', gives: ['multi f 644 0:0 4 old'] },
  { copy: '--chown=bob f /o/p/q', gives: ['o d 755 500:600 new', 'o/p d 755 500:600 new', 'o/p/q f 644 500:600 4 old'] },
  {
    copy: '--chown=bob:grp d /o/p/q',
    gives: ['o d 755 500:900 new', 'o/p d 755 500:900 new', 'o/p/q d 755 500:900 old', ...D('o/p/q', '500:900')],
  },
  { copy: '--chown=bob d /sub', gives: ['sub d 711 0:0 old', ...D('sub', '500:600')] },
  { copy: '--chmod=701 f /o/p/', gives: ['o d 701 0:0 new', 'o/p d 701 0:0 new', 'o/p/f f 701 0:0 4 old'] },
  {
    copy: '--chmod=6640 d /o/p',
    gives: ['o d 640 0:0 new', 'o/p d 640 0:0 old', ...D('o/p', '0:0', { sub: '6640', x: '6640', y: '6640' })],
  },
  {
    copy: '--chmod=1777 --chown=5:6 lf ld /o/',
    gives: ['o d 755 5:6 old', 'o/lf f 1777 5:6 4 old', ...D('o', '5:6', { sub: '1777', x: '1777', y: '1777' })],
  },
  { copy: '--chmod=600 d /sub', gives: ['sub d 711 0:0 old', ...D('sub', '0:0', { sub: '600', x: '600', y: '600' })] },
]

function action(text: string): ChangeAction {
  const words = text.split(' ')
  const flag = (name: string): string | undefined => words.find((word) => word.startsWith(name))?.slice(name.length)
  const plain = words.filter((word) => !word.startsWith('--'))
  const [chown, chmod] = [flag('--chown='), flag('--chmod=')]
  return {
    kind: 'copy',
    source: 0,
    paths: plain.slice(0, -1).map((path) => `/${path}`),
    destination: plain.at(-1) ?? '/',
    unpack: false,
    ...(chown === undefined ? {} : { chown }),
    ...(chmod === undefined ? {} : { chmod: Number.parseInt(chmod, 8) }),
  }
}

describe('COPY does what BuildKit does', skipUnlessRoot, () => {
  for (const { copy, gives, fails } of CASES) {
    test(copy, async (t) => {
      const stage = stageFor(t, { ...CONTEXT, ...BASE })
      if (fails !== undefined) {
        await assert.rejects(stage.change([action(copy)]), failsWith(fails))
        return
      }
      await stage.change([action(copy)])
      assert.deepEqual(listing(stage.path('upper')), [...(gives ?? [])].sort())
    })
  }
})

describe('change', skipUnlessRoot, () => {
  test('hard links within one source stay links', async (t) => {
    const stage = stageFor(t, CONTEXT)
    await stage.change([action('hl /hl/')])
    assert.equal(lstatSync(stage.path('upper/hl/a')).ino, lstatSync(stage.path('upper/hl/b')).ino)
  })

  test('WORKDIR makes what is missing and leaves what is there', async (t) => {
    const stage = stageFor(t, BASE)
    const workdir = (path: string): ChangeAction => ({ kind: 'make-directory', path, mode: 0o755, owner: '5:6' })
    await stage.change([workdir('/n1/n2'), workdir('/tdir'), workdir('/dangling')])
    assert.deepEqual(listing(stage.path('upper')), [
      'n1 d 755 5:6 new',
      'n1/n2 d 755 5:6 new',
      'nowhere d 755 5:6 new',
      'nowhere/deep d 755 5:6 new',
    ])
    await assert.rejects(stageFor(t, BASE).change([workdir('/zz/x')]), failsWith('TSB_COPY_CONFLICT'))
  })

  test('scratch takes files, but knows no names', async (t) => {
    const stage = stageFor(t, CONTEXT)
    await stage.change([action('--chown=3:4 f /a/')], { onScratch: true })
    assert.deepEqual(listing(stage.path('upper')), ['a d 755 3:4 new', 'a/f f 644 3:4 4 old'])
    const named = stage.change([action('--chown=bob f /a/')], { onScratch: true })
    await assert.rejects(named, failsWith('TSB_COPY_OWNER'))
  })

  test('COPY --from takes the merged root of layers with its owners', async (t) => {
    const stage = stageFor(t, { 'low/a/f': 'low', 'low/gone': '1', 'high/a/g': 'high', 'high/l': '-> a' })
    execFileSync('chown', ['-R', '7:8', stage.path('low/a/f'), stage.path('high/a')])
    execFileSync('mknod', [stage.path('high/gone'), 'c', '0', '0'])
    const native = loadNative()
    const { tree: below } = await native.commit({ upper: stage.path('low'), treesDirectory: stage.trees })
    const { tree } = await native.commit({ upper: stage.path('high'), parent: below, treesDirectory: stage.trees })
    const request = {
      layers: [stage.path('base')],
      parent: (await native.commit({ upper: stage.path('base'), treesDirectory: stage.trees })).tree,
      upper: stage.path('upper'),
      treesDirectory: stage.trees,
      sources: [{ kind: 'layers', layers: [stage.path('low'), stage.path('high')], tree }] as const,
    }
    await native.change({ ...request, actions: [action('. /all'), action('l /sub/')] })
    assert.deepEqual(listing(stage.path('upper')), [
      'all d 755 0:0 new',
      'all/a d 755 7:8 old',
      'all/a/f f 644 7:8 3 old',
      'all/a/g f 644 7:8 4 old',
      'all/l l 0:0 a old',
      'sub d 755 0:0 old',
      'sub/f f 644 7:8 3 old',
      'sub/g f 644 7:8 4 old',
    ])
    const again = native.change({ ...request, actions: [action('gone /x')] })
    await assert.rejects(again, failsWith('TSB_COPY_SOURCE_MISSING'))
  })

  test('attributes and capabilities survive a change of owner, others stay behind', async (t) => {
    const stage = stageFor(t, { 'context/f': '1' })
    const capability = "bytes.fromhex('0100000200040000000000000000000000000000')"
    const set = (name: string, value: string) =>
      execFileSync('python3', ['-c', `import os; os.setxattr(${JSON.stringify(stage.path('context/f'))}, '${name}', ${value})`])
    set('user.kept', "b'1'")
    set('security.capability', capability)
    set('trusted.left', "b'1'")
    await stage.change([action('--chown=5:6 f /f')])
    const script = `import os; print(' '.join(sorted(os.listxattr(${JSON.stringify(stage.path('upper/f'))}))))`
    assert.equal(execFileSync('python3', ['-c', script], { encoding: 'utf8' }).trim(), 'security.capability user.kept')
  })

  test('an action sees what the one before it made', async (t) => {
    const stage = stageFor(t, CONTEXT)
    await stage.change([action('f /a/'), action('d/y /a/f')])
    assert.equal(readFileSync(stage.path('upper/a/f'), 'utf8'), 'y\n')
  })

  test('no mount is left or was ever seen', async (t) => {
    const stage = stageFor(t, { ...CONTEXT, ...BASE })
    const before = mounts()
    const running = stage.change([action('d /o')])
    assert.equal(mounts(), before)
    await running
    assert.equal(mounts(), before)
  })

  test('an aborted signal stops it', async (t) => {
    const stage = stageFor(t, CONTEXT)
    const { tree } = await stage.scan()
    const request = {
      layers: [],
      upper: stage.path('upper'),
      treesDirectory: stage.trees,
      sources: [{ kind: 'directory', root: stage.path('context'), tree }] as const,
      actions: [action('d /o')],
    }
    await assert.rejects(loadNative().change(request, AbortSignal.abort()), failsWith('TSB_INTERRUPTED'))
    assert.ok(!existsSync(stage.path('upper/o')))
  })
})
