import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import type { ChangeAction } from '../../native/types.ts'
import { failsWith, listing, OLD, skipUnlessRoot, stageFor } from './stage.ts'

interface Item {
  readonly name: string
  readonly type?: 'directory' | 'symlink' | 'link'
  readonly mode?: number
  readonly linkname?: string
  readonly content?: string
}

/** A tar whose entries belong to 11:12 and are old. */
async function tar(items: readonly Item[]): Promise<Buffer> {
  const archive = pack()
  for (const { content, ...header } of items) {
    archive.entry({ uid: 11, gid: 12, mtime: new Date(OLD * 1000), mode: 0o644, ...header }, content ?? '')
  }
  archive.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of archive) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const add = (destination: string, more: { chown?: string; chmod?: number } = {}): ChangeAction => ({
  kind: 'copy',
  source: 0,
  paths: ['/a'],
  destination,
  unpack: true,
  ...more,
})

const ITEMS: readonly Item[] = [
  { name: './', type: 'directory', mode: 0o700 },
  { name: 'sub/', type: 'directory', mode: 0o2750 },
  { name: 'sub/file', content: 'hello', mode: 0o4751 },
  { name: 'nodir/implicit/x', content: 'x' },
  { name: 'lnk', type: 'symlink', linkname: '/abs' },
  { name: 'hard', type: 'link', linkname: 'sub/file' },
  { name: '.wh.q' },
  { name: 's', type: 'symlink', linkname: 'dd' },
  { name: 's/through', content: 'T' },
]

describe('ADD of an archive', skipUnlessRoot, () => {
  for (const [name, wrap] of [
    ['plain', (bytes: Buffer) => bytes],
    ['gzip', gzipSync],
  ] as const) {
    test(`unpacks it as docker does: ${name}`, async (t) => {
      const stage = stageFor(t)
      writeFileSync(stage.path('context/a'), wrap(await tar(ITEMS)))
      await stage.change([add('/un', { chmod: 0o700 })])
      assert.deepEqual(listing(stage.path('upper')), [
        'un d 755 0:0 new',
        'un/.wh.q f 644 11:12 0 old',
        'un/dd d 755 0:0 new',
        'un/dd/through f 644 11:12 1 old',
        'un/hard f 644 11:12 5 old',
        'un/lnk l 11:12 /abs old',
        'un/nodir d 755 0:0 new',
        'un/nodir/implicit d 755 0:0 new',
        'un/nodir/implicit/x f 644 11:12 1 old',
        'un/s l 11:12 dd old',
        'un/sub d 2750 11:12 old',
        'un/sub/file f 644 11:12 5 old',
      ])
      assert.equal(lstatSync(stage.path('upper/un/hard')).ino, lstatSync(stage.path('upper/un/sub/file')).ino)
    })
  }

  test('gives everything to --chown but the directories that no entry names', async (t) => {
    const stage = stageFor(t)
    writeFileSync(stage.path('context/a'), await tar([{ name: 'p/f', content: '1' }]))
    await stage.change([add('/o/un', { chown: '5:6' })])
    assert.deepEqual(listing(stage.path('upper')), [
      'o d 755 5:6 new',
      'o/un d 755 5:6 new',
      'o/un/p d 755 0:0 new',
      'o/un/p/f f 644 5:6 1 old',
    ])
  })

  test('replaces what is in the way, directories too', async (t) => {
    const stage = stageFor(t, { 'base/dd/f/inner/x': '1', 'base/dir/stays': '2' })
    writeFileSync(
      stage.path('context/a'),
      await tar([
        { name: 'dd/f', content: 'file' },
        { name: 'dir/', type: 'directory' },
      ]),
    )
    await stage.change([add('/')])
    assert.equal(readFileSync(stage.path('upper/dd/f'), 'utf8'), 'file')
    assert.deepEqual(readdirSync(stage.path('upper/dir')), [])
  })

  test('a directory that comes where a file came over a directory hides what is below', async (t) => {
    const stage = stageFor(t, { 'base/dd/old': '1', 'base/f': 'below\n' })
    writeFileSync(
      stage.path('context/a'),
      await tar([
        { name: 'dd', content: 'file' },
        { name: 'dd/', type: 'directory' },
        { name: 'dd/new', content: '2' },
        { name: 'hard', type: 'link', linkname: 'f' },
      ]),
    )
    const { tree } = await stage.change([add('/')])
    assert.deepEqual(await stage.paths(tree), ['/dd', '/dd/new', '/f', '/hard'])
    assert.equal(readFileSync(stage.path('upper/hard'), 'utf8'), 'below\n')
    assert.equal(lstatSync(stage.path('upper/f')).nlink, 2)
  })

  test('copies what is no archive, packed or not, and an archive without entries', async (t) => {
    for (const bytes of [Buffer.from('text'), gzipSync('text'), Buffer.alloc(10240), Buffer.alloc(0), Buffer.from([0x1f, 0x8b, 8])]) {
      const stage = stageFor(t)
      writeFileSync(stage.path('context/a'), bytes)
      await stage.change([add('/un/')])
      assert.deepEqual(readFileSync(stage.path('upper/un/a')), bytes)
    }
  })

  test('never writes outside of its destination', async (t) => {
    const stage = stageFor(t)
    mkdirSync(stage.path('outside'))
    writeFileSync(stage.path('outside/marker'), 'untouched')
    const outside = stage.path('outside')
    const climb = `../../../../../../../..${outside}`
    symlinkSync(outside, stage.path('base/out'))
    const attacks: readonly (readonly Item[])[] = [
      [
        { name: 'q', type: 'symlink', linkname: outside },
        { name: 'q/marker', content: 'evil' },
        { name: 'q/new', content: 'evil' },
      ],
      [
        { name: 'q', type: 'symlink', linkname: climb },
        { name: 'q/marker', content: 'evil' },
      ],
      [
        { name: 'q', type: 'symlink', linkname: `${outside}/marker` },
        { name: 'q', content: 'evil' },
      ],
      [
        { name: 'q', type: 'symlink', linkname: outside },
        { name: 'h', type: 'link', linkname: 'q/marker' },
        { name: 'h', content: 'evil' },
      ],
      [{ name: '/out/marker', content: 'evil' }],
      [{ name: '../../../out/marker', content: 'evil' }],
      [{ name: 'h', type: 'link', linkname: '../../outside/marker' }],
    ]
    for (const [number, items] of attacks.entries()) {
      const one = stageFor(t)
      symlinkSync(outside, one.path('base/out'))
      writeFileSync(one.path('context/a'), await tar(items))
      const done = await one.change([add('/un')]).then(
        () => 'unpacked',
        () => 'refused',
      )
      assert.deepEqual(readdirSync(outside), ['marker'], `attack ${number} (${done}) MADE A FILE OUTSIDE`)
      assert.equal(readFileSync(`${outside}/marker`, 'utf8'), 'untouched', `attack ${number} (${done}) WROTE OUTSIDE`)
      assert.equal(lstatSync(`${outside}/marker`).nlink, 1, `attack ${number} (${done}) LINKED TO THE OUTSIDE`)
    }
  })

  test('says what is wrong with an archive', async (t) => {
    const whole = await tar([{ name: 'big', content: 'x'.repeat(5000) }])
    const damaged = {
      'leads out': await tar([{ name: '../evil', content: 'x' }]),
      'ends too early': whole.subarray(0, 2048),
      'links to nothing': await tar([{ name: 'h', type: 'link', linkname: 'absent' }]),
    }
    for (const [name, bytes] of Object.entries(damaged)) {
      const stage = stageFor(t)
      writeFileSync(stage.path('context/a'), bytes)
      await assert.rejects(stage.change([add('/un')]), failsWith('TSB_COPY_ARCHIVE'), name)
    }
  })
})
