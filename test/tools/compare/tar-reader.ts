import { parseRecords } from './pax.ts'

/** One header of a tar, with the PAX and GNU extensions before it folded in. */
export interface TarHeader {
  readonly name: string
  readonly type: TarType
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly linkTarget: string
  /** `major:minor`, for device nodes. */
  readonly device: string
  /** Seconds, with the fraction that a PAX record gives. */
  readonly mtime: string
  /** Values in hex: extended attributes are bytes. */
  readonly xattrs: Readonly<Record<string, string>>
}

export type TarType = 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo'

export interface TarVisitor {
  /** What takes the content of this entry, if anything does; only entries of type `file` have any. */
  entry(header: TarHeader): ContentSink | undefined
}

export interface ContentSink {
  data(chunk: Uint8Array): void
  end(): void
}

const BLOCK = 512
const TYPES: Readonly<Record<string, TarType>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
}

/**
 * Reads a plain tar (POSIX.1-2001 with PAX; GNU long names and base-256 numbers) and tells the visitor what is in it.
 * Written for this comparison and apart from tsbuild's own reader, so that a fault in one does not hide in the other.
 * @throws Error on a truncated archive, a bad checksum or an entry type it does not know.
 */
export async function readTar(chunks: AsyncIterable<Uint8Array>, visitor: TarVisitor): Promise<void> {
  const reader = new TarReader(visitor)
  for await (const chunk of chunks) reader.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
  reader.finish()
}

type State =
  | { readonly kind: 'header' }
  | { readonly kind: 'content'; readonly sink: ContentSink | undefined }
  | { readonly kind: 'extension'; readonly type: string; readonly parts: Buffer[] }
  | { readonly kind: 'padding' }
  | { readonly kind: 'end' }

class TarReader {
  readonly #visitor: TarVisitor
  #state: State = { kind: 'header' }
  #rest: Buffer = Buffer.alloc(0)
  /** Bytes still to come of the content or extension, and of the padding behind it. */
  #remaining = 0
  #padding = 0
  #global: Map<string, Buffer> = new Map()
  #local: Map<string, Buffer> = new Map()

  constructor(visitor: TarVisitor) {
    this.#visitor = visitor
  }

  push(chunk: Buffer): void {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (at < data.length && this.#state.kind !== 'end') {
      if (this.#state.kind === 'header') {
        if (data.length - at < BLOCK) break
        this.#header(data.subarray(at, at + BLOCK))
        at += BLOCK
      } else {
        const taken = Math.min(this.#remaining, data.length - at)
        this.#body(data.subarray(at, at + taken))
        at += taken
      }
    }
    this.#rest = data.subarray(at)
  }

  finish(): void {
    const between = this.#state.kind === 'header' && this.#rest.length === 0
    if (!between && this.#state.kind !== 'end') throw new Error('the tar is cut off')
  }

  #header(block: Buffer): void {
    if (block.every((byte) => byte === 0)) {
      this.#state = { kind: 'end' }
      return
    }
    checkSum(block)
    const type = String.fromCharCode(block[156] ?? 0)
    const sizeRecord = 'xgLK'.includes(type) ? undefined : this.#record('size')
    const size = sizeRecord === undefined ? number(block, 124, 12) : Number(sizeRecord.toString())
    this.#remaining = size
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK
    if ('xgLK'.includes(type)) this.#state = { kind: 'extension', type, parts: [] }
    else this.#state = { kind: 'content', sink: this.#entry(block, type, size) }
    if (size === 0) this.#bodyDone()
  }

  #entry(block: Buffer, flag: string, size: number): ContentSink | undefined {
    const type = TYPES[flag]
    if (type === undefined) throw new Error(`tar entry of unknown type \`${flag}\``)
    const records = new Map([...this.#global, ...this.#local])
    this.#local = new Map()
    if ([...records.keys()].some((key) => key.startsWith('GNU.sparse.'))) throw new Error('sparse tar entries are not supported')
    return this.#visitor.entry(toHeader(block, type, size, records))
  }

  #body(data: Buffer): void {
    if (this.#state.kind === 'content') this.#state.sink?.data(data)
    else if (this.#state.kind === 'extension') this.#state.parts.push(Buffer.from(data))
    this.#remaining -= data.length
    if (this.#remaining === 0) this.#bodyDone()
  }

  #bodyDone(): void {
    if (this.#state.kind === 'content') this.#state.sink?.end()
    else if (this.#state.kind === 'extension') this.#extension(this.#state.type, Buffer.concat(this.#state.parts))
    this.#remaining = this.#padding
    this.#padding = 0
    this.#state = this.#remaining === 0 ? { kind: 'header' } : { kind: 'padding' }
  }

  #extension(type: string, data: Buffer): void {
    if (type === 'L') this.#local.set('path', untilNul(data))
    else if (type === 'K') this.#local.set('linkpath', untilNul(data))
    else for (const [key, value] of parseRecords(data)) (type === 'g' ? this.#global : this.#local).set(key, value)
  }

  #record(key: string): Buffer | undefined {
    return this.#local.get(key) ?? this.#global.get(key)
  }
}

function toHeader(block: Buffer, type: TarType, size: number, records: ReadonlyMap<string, Buffer>): TarHeader {
  const text = (key: string): string | undefined => records.get(key)?.toString()
  const ustar = block.toString('latin1', 257, 262) === 'ustar' && block.toString('latin1', 257, 265) !== 'ustar  \0'
  const prefix = ustar ? untilNul(block.subarray(345, 500)).toString() : ''
  const short = untilNul(block.subarray(0, 100)).toString()
  const name = text('path') ?? (prefix === '' ? short : `${prefix}/${short}`)
  const xattrs: Record<string, string> = {}
  for (const [key, value] of records) if (key.startsWith('SCHILY.xattr.')) xattrs[key.slice('SCHILY.xattr.'.length)] = value.toString('hex')
  return {
    name,
    // Before POSIX a directory was a file whose name ends in a slash.
    type: type === 'file' && name.endsWith('/') ? 'directory' : type,
    mode: number(block, 100, 8) & 0o7777,
    uid: Number(text('uid') ?? number(block, 108, 8)),
    gid: Number(text('gid') ?? number(block, 116, 8)),
    size,
    linkTarget: text('linkpath') ?? untilNul(block.subarray(157, 257)).toString(),
    device: type === 'char' || type === 'block' ? `${number(block, 329, 8)}:${number(block, 337, 8)}` : '',
    mtime: text('mtime') ?? String(number(block, 136, 12)),
    xattrs,
  }
}

function checkSum(block: Buffer): void {
  let sum = 8 * 0x20
  for (let index = 0; index < BLOCK; index += 1) if (index < 148 || index >= 156) sum += block[index] ?? 0
  if (sum !== number(block, 148, 8)) throw new Error('tar header with a wrong checksum')
}

function number(block: Buffer, start: number, length: number): number {
  const first = block[start] ?? 0
  if (first & 0x80) {
    let value = first & 0x7f
    for (let index = start + 1; index < start + length; index += 1) value = value * 256 + (block[index] ?? 0)
    return value
  }
  const digits = block
    .toString('latin1', start, start + length)
    .replace(/\0.*$/s, '')
    .trim()
  return digits === '' ? 0 : Number.parseInt(digits, 8)
}

function untilNul(data: Buffer): Buffer {
  const end = data.indexOf(0)
  return end < 0 ? data : data.subarray(0, end)
}
