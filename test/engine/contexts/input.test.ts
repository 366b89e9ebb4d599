import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { leftovers } from '../../support/leftovers.ts'
import { openProject, type Project } from '../project.ts'

const OPTIONS = { timeout: 120_000 }

function tar(project: Project, ...args: readonly string[]): Buffer {
  return execFileSync('tar', ['-c', ...args], { cwd: project.directory, maxBuffer: 64 << 20 })
}

describe('a context on standard input', () => {
  test('has names that mean deletions in layers as plain files', OPTIONS, async () => {
    await using project = await openProject({
      Dockerfile: 'FROM scratch\nCOPY .wh.f /one\nCOPY d/.wh..wh..opq /two\nCOPY d/x f /\n',
      '.wh.f': '1',
      'd/.wh..wh..opq': '2',
      'd/x': 'x',
      f: 'f',
    })
    await project.tsbuild.must(['build', '-o', `${project.directory}/out`, '-'], { input: tar(project, '.') })
    const found = ['one', 'two', 'x', 'f'].map((name) => readFileSync(join(project.directory, 'out', name), 'utf8'))
    assert.deepEqual(found, ['1', '2', 'x', 'f'])
  })

  test('is gone when the build has ended; what was made of it is cached', OPTIONS, async () => {
    await using project = await openProject({ Dockerfile: 'FROM scratch\nCOPY f /\n', f: 'f' })
    const { tsbuild } = project
    const input = tar(project, '.')
    await tsbuild.must(['build', '-'], { input })
    const layers = readdirSync(join(tsbuild.root, 'layers')).length
    const { stderr } = await tsbuild.run(['build', '--progress=plain', '-'], { input })
    assert.match(stderr, /^#\d+ CACHED$/m)
    assert.equal(readdirSync(join(tsbuild.root, 'layers')).length, layers)
    assert.deepEqual(await leftovers(tsbuild.root), [])
  })

  test('cannot reach out of itself by links', OPTIONS, async () => {
    await using project = await openProject({ Dockerfile: 'FROM scratch\nCOPY link/f /\n', 'evil/f': 'evil', f: 'f' })
    const { tsbuild, directory } = project
    execFileSync('ln', ['-s', directory, 'link'], { cwd: directory })
    // First a link that leads out, then a file through it.
    const input = tar(project, 'Dockerfile', 'link', '--transform', 's,^evil,link,', 'evil/f')
    const { code } = await tsbuild.run(['build', '-o', `${directory}/out`, '-'], { input })
    assert.ok(!existsSync(join(directory, 'out')) || readFileSync(join(directory, 'out/f'), 'utf8') === 'evil')
    assert.equal(readFileSync(join(directory, 'f'), 'utf8'), 'f')
    assert.ok(code === 0 || code === 1)
  })

  for (const [name, input, code] of [
    ['a bomb', () => gzipSync(Buffer.concat([Buffer.from(header('big', 12 * 2 ** 30)), Buffer.alloc(64 << 20, 'x')])), 'TSB_COPY_ARCHIVE'],
    ['damaged', () => gzipSync(Buffer.alloc(100_000, 'x')).subarray(0, 60), 'TSB_COPY_ARCHIVE'],
    ['noise', () => Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 7919) % 251)), 'TSB_DOCKERFILE'],
  ] as const) {
    test(`that is ${name} is a named error that leaves nothing`, OPTIONS, async () => {
      await using project = await openProject({})
      const { code: exit, stderr } = await project.tsbuild.run(['build', '-'], { input: input() })
      assert.equal(exit, 1, stderr.slice(0, 400))
      assert.match(stderr, new RegExp(`\\[${code}`))
      assert.deepEqual(await leftovers(project.tsbuild.root), [])
    })
  }

  test('a Dockerfile is checked without a store', OPTIONS, async () => {
    await using project = await openProject({})
    const root = join(project.directory, 'no-store')
    const env = { TSBUILD_ROOT: root }
    const { code } = await project.tsbuild.run(['build', '--check', '-'], { input: 'from scratch\nWORKDIR /x\n', env })
    assert.equal(code, 1)
    assert.ok(!existsSync(root))
  })
})

/** Of an entry that says to be `size` bytes. */
function header(name: string, size: number): string {
  const field = (text: string, length: number): string => text.padEnd(length, '\0')
  const start = field(name, 100) + field('0000644\0', 8) + field('0000000\0', 8) + field('0000000\0', 8)
  const sized = size.toString(8).padStart(11, '0')
  const rest = `${sized} ${'0'.repeat(11)} `
  const end = `0${field('', 100)}ustar\x0000${field('', 247)}`
  const sum = [...`${start}${rest}        ${end}`].reduce((total, char) => total + char.charCodeAt(0), 0)
  return `${start}${rest}${sum.toString(8).padStart(6, '0')}\0 ${end}`
}
