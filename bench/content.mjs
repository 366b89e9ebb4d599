import { createCipheriv, createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Files of one size, 100 a folder, every one with other bytes than under another seed. */
export function fillSmall(folder, { files, size }, seed) {
  for (let index = 0; index < files; index += 1) {
    const path = nth(folder, index)
    writeFileSync(path, `${seed} ${index} `.padEnd(size, '.'))
  }
}

/** The path of a file that `fillSmall` or `fillMixed` makes; its folder is there afterwards. */
export function nth(folder, index) {
  const directory = join(folder, String(Math.floor(index / 100)))
  if (index % 100 === 0) mkdirSync(directory, { recursive: true })
  return join(directory, `${index}.bin`)
}

/** File sizes as parts of their mean. */
const SIZES = [0.05, 1.6, 0.1, 0.4, 3.2, 0.2, 0.8, 1.65]

/**
 * What images hold, by bytes: four tenths that do not compress (archives, pictures), three of text, three of machine code.
 * Another seed gives other bytes everywhere, so nothing of an earlier round can be used again.
 */
export function fillMixed(folder, { files, bytes }, seed) {
  const mean = bytes / files
  const random = randomStream(seed)
  // Longer than the window of any compressor, so that taking turns makes nothing more compressible.
  const texts = ring(textOf(random(8 << 20), 32 << 20))
  const code = ring(readFileSync(process.execPath))
  for (let index = 0; index < files; index += 1) {
    const size = Math.max(1, Math.round(mean * SIZES[index % SIZES.length]))
    const kind = index % 10
    const content = kind < 4 ? random(size) : kind < 7 ? texts(size) : mark(code(size), random)
    writeFileSync(nth(folder, index), content)
  }
}

/** Bytes without end that depend on the seed alone. */
function randomStream(seed) {
  const cipher = createCipheriv('aes-128-ctr', createHash('md5').update(seed).digest(), Buffer.alloc(16))
  return (size) => cipher.update(Buffer.alloc(size))
}

const SYLLABLES = 'ba ce di fo gu he ki lo mu ne po ra si to vu we xi yo za qu'.split(' ')

/** Words, the frequent ones shorter, with numbers and line ends between: as compressible as prose and source code. */
function textOf(random, size) {
  const words = Array.from({ length: 4096 }, (_, rank) => wordOf(rank))
  const text = Buffer.alloc(size + 64)
  let at = 0
  for (let read = 0; at < size; read = (read + 2) % (random.length - 2)) {
    const draw = random.readUInt16LE(read)
    // The square makes the first words the likely ones.
    const rank = Math.floor(4096 * (draw / 65536) ** 2)
    at += text.latin1Write(draw % 16 === 0 ? `${draw}\n` : words[rank], at)
  }
  return text.subarray(0, size)
}

function wordOf(rank) {
  let word = ''
  for (let rest = rank + 1; rest > 0; rest = Math.floor(rest / SYLLABLES.length)) word += SYLLABLES[rest % SYLLABLES.length]
  return `${word} `
}

/** Gives out a buffer piece by piece, from its start again after its end. */
function ring(buffer) {
  let at = 0
  return (size) => {
    const piece = Buffer.allocUnsafe(size)
    for (let filled = 0; filled < size; ) {
      const length = buffer.copy(piece, filled, at, Math.min(buffer.length, at + size - filled))
      filled += length
      at = (at + length) % buffer.length
    }
    return piece
  }
}

/** Makes machine code of this seed out of that of this Node: eight other bytes in every 4 KiB. */
function mark(code, random) {
  for (let at = 0; at + 8 <= code.length; at += 4096) random(8).copy(code, at)
  return code
}
