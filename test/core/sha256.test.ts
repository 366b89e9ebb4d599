import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { sha256Digest } from '../../core/digest.ts'
import { sha256Hex } from '../../core/sha256.ts'

const expected = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

test('the digest that Node has, at every length around the ends of blocks', () => {
  assert.equal(sha256Hex(Buffer.from('abc')), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  for (let length = 0; length < 200; length += 1) {
    const bytes = randomBytes(length)
    assert.equal(sha256Hex(bytes), expected(bytes), `${length} bytes`)
    assert.equal(sha256Hex(new Uint8Array(length).fill(0xff)), expected(Buffer.alloc(length, 0xff)), `${length} times 255`)
  }
  for (let round = 0; round < 50; round += 1) {
    const bytes = randomBytes(1000 + round * 997)
    assert.equal(sha256Hex(bytes), expected(bytes))
  }
})

test('of texts and of parts of a buffer, however large', () => {
  assert.equal(sha256Digest('größe\u{1f600}'), `sha256:${expected(Buffer.from('größe\u{1f600}'))}`)
  const large = randomBytes(300_000)
  for (const bytes of [large, large.subarray(7, 250_001), large.subarray(3, 103)])
    assert.equal(sha256Digest(bytes), `sha256:${expected(bytes)}`)
})
