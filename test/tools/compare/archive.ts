import { createReadStream } from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A named range of bytes: a file of a folder, or an entry of an archive. */
export interface Archive {
  readonly names: ReadonlySet<string>
  /** @throws Error when there is no such member. */
  read(name: string): Promise<Buffer>
  stream(name: string): AsyncIterable<Uint8Array>
}

/** Opens a folder or a plain tar for random access. Symbolic and hard links between members of a tar are followed. */
export async function openArchive(path: string): Promise<Archive> {
  return (await stat(path)).isDirectory() ? openFolder(path) : openTar(path)
}

function openFolder(folder: string): Archive {
  return {
    names: new Set(['index.json', 'oci-layout']),
    read: (name) => readFile(join(folder, name)),
    stream: (name) => createReadStream(join(folder, name), { highWaterMark: 1 << 20 }),
  }
}

interface Range {
  readonly start: number
  readonly size: number
}

async function openTar(file: string): Promise<Archive> {
  const ranges = await indexTar(file)
  const find = (name: string): Range => {
    const range = ranges.get(name)
    if (range === undefined) throw new Error(`\`${file}\` has no member \`${name}\``)
    return range
  }
  const stream = (name: string): AsyncIterable<Uint8Array> => {
    const { start, size } = find(name)
    return size === 0 ? empty() : createReadStream(file, { start, end: start + size - 1, highWaterMark: 1 << 20 })
  }
  return {
    names: new Set(ranges.keys()),
    stream,
    read: async (name) => {
      const parts: Uint8Array[] = []
      for await (const part of stream(name)) parts.push(part)
      return Buffer.concat(parts)
    },
  }
}

/** Reads only the headers: image archives hold few, large members with short names. */
async function indexTar(file: string): Promise<Map<string, Range>> {
  const ranges = new Map<string, Range>()
  const links: [name: string, target: string][] = []
  const handle = await open(file)
  try {
    const header = Buffer.alloc(512)
    let at = 0
    let longName: string | undefined
    while ((await handle.read(header, 0, 512, at)).bytesRead === 512 && header[0] !== 0) {
      const text = (start: number, length: number): string => header.toString('utf8', start, start + length).replace(/\0.*$/s, '')
      const size = Number.parseInt(text(124, 12).trim() || '0', 8)
      const type = text(156, 1)
      const start = at + 512
      const prefix = text(257, 5) === 'ustar' ? text(345, 155) : ''
      const name = (longName ?? (prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`)).replace(/^\.\//, '')
      longName = undefined
      if (type === 'x') longName = await paxPath(handle, start, size)
      else if (type === '1' || type === '2') links.push([name, resolveLink(name, text(157, 100), type)])
      else if (type === '0' || type === '') ranges.set(name, { start, size })
      at = start + Math.ceil(size / 512) * 512
    }
  } finally {
    await handle.close()
  }
  for (const [name, target] of links) {
    const range = ranges.get(target)
    if (range !== undefined) ranges.set(name, range)
  }
  return ranges
}

async function paxPath(handle: Awaited<ReturnType<typeof open>>, start: number, size: number): Promise<string | undefined> {
  const data = Buffer.alloc(size)
  await handle.read(data, 0, size, start)
  return /(?:^|\n)\d+ path=(.*)\n/.exec(data.toString())?.[1]
}

/** `docker save` of older engines links a repeated layer as `../ID/layer.tar`. */
function resolveLink(name: string, target: string, type: string): string {
  return type === '1' ? target : join(name, '..', target)
}

async function* empty(): AsyncGenerator<Uint8Array> {}
