import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { readTar, type TarHeader } from './compare/tar-reader.ts'

const LONG = `${'d'.repeat(90)}/${'f'.repeat(120)}`
const folder = mkdtempSync(join(tmpdir(), 'tsbuild-tar-'))
after(() => rmSync(folder, { recursive: true }))
mkdirSync(join(folder, 'd'.repeat(90)))
writeFileSync(join(folder, LONG), 'x'.repeat(1000))
writeFileSync(join(folder, 'ümlaut'), '')
writeFileSync(join(folder, 'block'), 'b'.repeat(512))
symlinkSync('t'.repeat(150), join(folder, 'link'))
linkSync(join(folder, 'block'), join(folder, 'block2'))

describe('readTar', () => {
  for (const format of ['posix', 'gnu']) {
    for (const size of [1 << 20, 512, 7]) {
      test(`${format}, in pieces of ${size} bytes`, async () => {
        const found = await read(makeTar(format), size)
        assert.equal(found.get(LONG)?.content, 'x'.repeat(1000))
        assert.equal(found.get('ümlaut')?.header.size, 0)
        assert.equal(found.get('block')?.content, 'b'.repeat(512))
        assert.equal(found.get('block2')?.header.type, 'hardlink')
        assert.equal(found.get('block2')?.header.linkTarget, 'block')
        assert.equal(found.get('link')?.header.linkTarget, 't'.repeat(150))
        assert.equal(found.get('link')?.header.uid, 123_456_789)
      })
    }
  }

  test('attributes are bytes', async () => {
    const tar = makeTar('posix', '--pax-option=SCHILY.xattr.user.a:=ZZ')
    const value = Buffer.from([0xff, 0])
    for (let at = tar.indexOf('user.a=ZZ'); at >= 0; at = tar.indexOf('user.a=ZZ')) value.copy(tar, at + 'user.a='.length)
    assert.equal((await read(tar, 512)).get('block')?.header.xattrs['user.a'], 'ff00')
  })

  test('a tar that is cut off is an error', async () => {
    const tar = makeTar('posix')
    await assert.rejects(read(tar.subarray(0, tar.indexOf('b'.repeat(512)) + 100), 512), /cut off/)
  })

  test('a damaged header is an error', async () => {
    const tar = makeTar('posix')
    tar.writeUInt8(tar.readUInt8(3) ^ 1, 3)
    await assert.rejects(read(tar, 512), /checksum/)
  })
})

function makeTar(format: string, ...options: string[]): Buffer {
  const args = [`--format=${format}`, '--owner=a:123456789', ...options, '-cf', '-', '-C', folder]
  return execFileSync('tar', [...args, 'd'.repeat(90), 'ümlaut', 'block', 'block2', 'link'])
}

async function read(tar: Buffer, size: number): Promise<Map<string, { header: TarHeader; content: string }>> {
  const found = new Map<string, { header: TarHeader; content: string }>()
  await readTar(pieces(tar, size), {
    entry: (header) => {
      const result = { header, content: '' }
      found.set(header.name, result)
      return {
        data: (chunk) => {
          result.content += Buffer.from(chunk).toString()
        },
        end: () => {},
      }
    },
  })
  return found
}

async function* pieces(data: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size)
}
