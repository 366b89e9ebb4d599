import assert from 'node:assert/strict'
import { test } from 'node:test'
import { secretMask } from '../../../engine/mounts/mask.ts'

/** What is shown of chunks, a `|` where the mask let go of something. */
function shown(values: readonly string[], chunks: readonly string[]): string {
  const mask = secretMask(values.map((value) => Buffer.from(value)))?.()
  assert.ok(mask !== undefined)
  const parts = chunks.map((chunk) => Buffer.from(mask.push(Buffer.from(chunk))).toString())
  return [...parts, Buffer.from(mask.flush()).toString()].join('|')
}

test('values go, whatever stands around them', () => {
  assert.equal(shown(['hunter22'], ['a hunter22 b hunter22hunter22']), 'a *** b ******|')
  assert.equal(shown(['hunter22\n'], ['hunter22\n']), '***\n|', 'without the line end of its file')
  assert.equal(shown(['long-one', 'long-one-longer'], ['x long-one-longer long-one']), 'x *** |***', 'the longest first')
  assert.equal(shown(['long-one', 'long-one-longer'], ['long-one-lon']), '|***-lon')
})

test('values are found across chunks, and nothing else is held back', () => {
  assert.equal(shown(['hunter22'], ['a hunt', 'er22 b']), 'a |*** b|')
  assert.equal(shown(['hunter22'], ['a h', 'ell!']), 'a |hell!|')
  assert.equal(shown(['hunter22'], [...'hunter22!']), '|||||||***|!|')
  assert.equal(shown(['hunter22'], ['50 % done\r']), '50 % done\r|')
  assert.equal(shown(['aaab'], ['aa', 'aa', 'ab']), '|a|a***|')
})

test('every cut of a text gives the same', () => {
  const text = 'xhunter2hunter22y hunter22 hunhunter22 end'
  const whole = shown(['hunter22'], [text]).replaceAll('|', '')
  for (let at = 1; at < text.length; at++) {
    for (let next = at; next < text.length; next++) {
      assert.equal(shown(['hunter22'], [text.slice(0, at), text.slice(at, next), text.slice(next)]).replaceAll('|', ''), whole)
    }
  }
})

test('a value of several lines goes line by line', () => {
  const key = '-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\nab\nZZZZZZZZ\n-----END KEY-----\n'
  const text = shown([key], ['pre  MIIEpAIBAAKCAQEA\r\n  ZZZZZZZZ post']).replaceAll('|', '')
  assert.equal(text, 'pre  ***\r\n  *** post')
  assert.equal(shown([key], [key]).replaceAll('|', ''), '***\n', 'its short lines too where it stands as a whole')
})

test('base64 of a value goes, in every form that tools give it', () => {
  const value = 'correct horse? battery>>staple??'
  const forms = [
    Buffer.from(value).toString('base64'),
    Buffer.from(`${value}\n`).toString('base64'),
    Buffer.from(value).toString('base64url'),
    Buffer.from(`user:${value}`).toString('base64'),
    Buffer.from(`me:${value}`).toString('base64'),
    Buffer.from(`x:${value}:y`).toString('base64'),
  ]
  for (const form of forms) {
    const left = shown([value], [`<${form}>`]).replaceAll('|', '')
    assert.match(left, /\*\*\*/, form)
    // Of the value no three bytes can be read from what is left.
    for (const part of left.split('***')) {
      const decoded = Buffer.from(part.replace(/[<>]/g, ''), 'base64').toString('latin1')
      for (let at = 0; at + 3 <= value.length; at++) assert.ok(!decoded.includes(value.slice(at, at + 3)), `${form}: ${left}`)
    }
  }
  const long = 'k'.repeat(30) + '0123456789'.repeat(20)
  const wrapped = Buffer.from(`${long}\n`).toString('base64').replace(/.{76}/g, '$&\n')
  const left = shown([`${long}\n`], [wrapped]).replaceAll('|', '')
  assert.ok(left.replaceAll('***', '').replaceAll('\n', '').length <= 8, left)
})

test('what is too short to be a secret is let through', () => {
  assert.equal(secretMask([Buffer.from('abc\n'), Buffer.from('')]), undefined)
  assert.equal(secretMask([]), undefined)
})

test('a large secret of many lines costs little', () => {
  const lines = Array.from({ length: 4000 }, (_, index) => `line-${index}-${'x'.repeat(100)}`)
  const mask = secretMask([Buffer.from(lines.join('\n'))])?.()
  const chunk = Buffer.from('nothing of it stands here, line by line\n'.repeat(1600))
  const began = performance.now()
  for (let count = 0; count < 100; count++) assert.equal(mask?.push(chunk).length, chunk.length)
  assert.ok(performance.now() - began < 3000, '6 MB')
})
