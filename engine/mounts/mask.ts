/** Takes out of a stream of output what must not be seen, however the stream is cut into chunks. */
export interface Mask {
  /** What can be shown now. Held back is only an end that may be the beginning of a value. */
  push(data: Uint8Array): Uint8Array
  /** What was held back, once nothing follows. */
  flush(): Uint8Array
}

/** What stands where a value stood. */
const STARS = Buffer.from('***')
/** Shorter values are no secrets: they stand in every other word. */
const SHORTEST_VALUE = 4
/** Of a value of several lines, and of what base64 makes of a value: less is found by accident. */
const SHORTEST_PART = 6
/** Bytes that make a line of base64(1). */
const BASE64_LINE = 57

/**
 * Masks values of secrets: each as a whole, its lines, and base64 of it (both alphabets, in lines as base64(1) writes them, and inside
 * of something longer, at each of the three places where a byte may stand in its group). Undefined where there is nothing to look for.
 */
export function secretMask(values: readonly Uint8Array[]): (() => Mask) | undefined {
  const patterns = new Patterns(values.flatMap(formsOf))
  return patterns.isEmpty ? undefined : () => new Masking(patterns)
}

function formsOf(value: Uint8Array): readonly Buffer[] {
  const bytes = Buffer.from(value)
  const trimmed = bytes.subarray(0, bytes.length - (/[\r\n]*$/.exec(bytes.toString('latin1'))?.[0].length ?? 0))
  if (trimmed.length < SHORTEST_VALUE) return []
  const lines = trimmed.toString('latin1').split(/\r?\n/)
  const parts = lines.length < 2 ? [] : lines.map((line) => line.trim()).filter((line) => line.length >= SHORTEST_PART)
  const encoded = [...base64Forms(trimmed), ...(bytes.length === trimmed.length ? [] : base64Forms(bytes))]
  return [trimmed, ...parts.map((part) => Buffer.from(part, 'latin1')), ...encoded]
}

function base64Forms(bytes: Buffer): readonly Buffer[] {
  const whole = bytes.toString('base64')
  const inside = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '')
    // Characters that bits of a neighbour are in say less than they hide.
    const end = (before + bytes.length) % 3 === 0 ? text.length : text.length - 1
    return text.slice(before === 0 ? 0 : before + 1, end)
  })
  const lines: string[] = []
  for (let at = 0; at < bytes.length && bytes.length > BASE64_LINE; at += BASE64_LINE) {
    lines.push(bytes.subarray(at, at + BASE64_LINE).toString('base64'))
  }
  const texts = [whole, ...inside, ...lines].filter((text) => text.length >= SHORTEST_PART)
  return [...new Set(texts.flatMap((text) => [text, text.replaceAll('+', '-').replaceAll('/', '_')]))].map((text) => Buffer.from(text))
}

/** What is looked for, sorted: a place in a text narrows it down byte by byte, and mostly the first byte leaves nothing. */
class Patterns {
  readonly #sorted: readonly Buffer[]
  readonly #first = new Uint8Array(256)

  constructor(patterns: readonly Buffer[]) {
    const unique = new Map(patterns.map((pattern) => [pattern.toString('latin1'), pattern]))
    this.#sorted = [...unique.values()].sort(Buffer.compare)
    for (const pattern of this.#sorted) this.#first[pattern[0] as number] = 1
  }

  get isEmpty(): boolean {
    return this.#sorted.length === 0
  }

  mayBegin(byte: number): boolean {
    return this.#first[byte] === 1
  }

  /** Length of the longest pattern at a place. `more`: the text ends within a longer one, and is not at its end. */
  at(text: Buffer, place: number, isEnd: boolean): number | 'more' {
    let [low, high] = [0, this.#sorted.length]
    let found = 0
    for (let depth = 0; ; depth++) {
      // What is as long as that and equal so far comes before all that goes on.
      if (low < high && this.#sorted[low]?.length === depth) {
        found = depth
        low += 1
      }
      if (low >= high) return found
      const byte = text[place + depth]
      if (byte === undefined) return isEnd ? found : 'more'
      low = this.#bound(low, high, depth, byte)
      high = this.#bound(low, high, depth, byte + 1)
    }
  }

  /** The first pattern of a range, equal up to `depth`, whose byte there is not below `byte`. */
  #bound(from: number, to: number, depth: number, byte: number): number {
    let [low, high] = [from, to]
    while (low < high) {
      const middle = (low + high) >> 1
      if (((this.#sorted[middle] as Buffer)[depth] as number) < byte) low = middle + 1
      else high = middle
    }
    return low
  }
}

class Masking implements Mask {
  readonly #patterns: Patterns
  #held: Buffer = Buffer.alloc(0)

  constructor(patterns: Patterns) {
    this.#patterns = patterns
  }

  push(data: Uint8Array): Uint8Array {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    return this.#mask(this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]), false)
  }

  flush(): Uint8Array {
    return this.#mask(this.#held, true)
  }

  #mask(text: Buffer, isEnd: boolean): Uint8Array {
    const shown: Buffer[] = []
    let from = 0
    let place = 0
    this.#held = Buffer.alloc(0)
    while (place < text.length) {
      const found = this.#patterns.mayBegin(text[place] as number) ? this.#patterns.at(text, place, isEnd) : 0
      if (found === 'more') {
        this.#held = Buffer.from(text.subarray(place))
        break
      }
      if (found === 0) place += 1
      else {
        shown.push(text.subarray(from, place), STARS)
        place += found
        from = place
      }
    }
    shown.push(text.subarray(from, place))
    return shown.length === 1 ? (shown[0] as Buffer) : Buffer.concat(shown)
  }
}
