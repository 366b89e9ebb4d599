/** SHA-256 (FIPS 180-4) of some bytes, in hex. For a config or a manifest: Node takes 4 ms to load its own, a cached build 40. */
export function sha256Hex(bytes: Uint8Array): string {
  const state = Uint32Array.from(INITIAL)
  const words = new Uint32Array(64)
  const message = padded(bytes)
  for (let offset = 0; offset < message.byteLength; offset += BLOCK) {
    for (let index = 0; index < 16; index += 1) words[index] = message.getUint32(offset + index * 4)
    compress(state, words)
  }
  return Array.from(state, (word) => word.toString(16).padStart(8, '0')).join('')
}

const BLOCK = 64

/** First 32 bits of the fractional part of a root of each of the first primes: square roots begin, cube roots are added in each round. */
const PRIMES = firstPrimes(64)
const INITIAL = PRIMES.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)))
const ROUNDS = Uint32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)))

/** The bytes, a one bit, zeros, and their length in bits, to whole blocks (section 5.1.1). */
function padded(bytes: Uint8Array): DataView {
  const length = Math.ceil((bytes.byteLength + 9) / BLOCK) * BLOCK
  const message = new Uint8Array(length)
  message.set(bytes)
  message[bytes.byteLength] = 0x80
  const view = new DataView(message.buffer)
  view.setBigUint64(length - 8, BigInt(bytes.byteLength) * 8n)
  return view
}

/** Works one block, whose 16 words `words` begins with, into the state (section 6.2.2). */
function compress(state: Uint32Array, words: Uint32Array): void {
  for (let index = 16; index < 64; index += 1) {
    const [early, late] = [at(words, index - 15), at(words, index - 2)]
    const sigma0 = rotated(early, 7) ^ rotated(early, 18) ^ (early >>> 3)
    const sigma1 = rotated(late, 17) ^ rotated(late, 19) ^ (late >>> 10)
    words[index] = at(words, index - 16) + sigma0 + at(words, index - 7) + sigma1
  }
  let [a, b, c, d, e, f, g, h] = [
    at(state, 0),
    at(state, 1),
    at(state, 2),
    at(state, 3),
    at(state, 4),
    at(state, 5),
    at(state, 6),
    at(state, 7),
  ]
  for (let index = 0; index < 64; index += 1) {
    const sum1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)
    const temporary = (h + sum1 + ((e & f) ^ (~e & g)) + at(ROUNDS, index) + at(words, index)) | 0
    const sum0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)
    const majority = (a & b) ^ (a & c) ^ (b & c)
    h = g
    g = f
    f = e
    e = (d + temporary) | 0
    d = c
    c = b
    b = a
    a = (temporary + sum0 + majority) | 0
  }
  for (const [index, value] of [a, b, c, d, e, f, g, h].entries()) state[index] = at(state, index) + value
}

function rotated(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by))
}

/** The indexes are all in range. */
function at(words: Uint32Array, index: number): number {
  return words[index] ?? 0
}

function fraction(root: number): number {
  return Math.floor((root - Math.floor(root)) * 2 ** 32)
}

function firstPrimes(count: number): readonly number[] {
  const primes: number[] = []
  for (let candidate = 2; primes.length < count; candidate += 1) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate)
  }
  return primes
}
