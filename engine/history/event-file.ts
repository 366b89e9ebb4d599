import { closeSync, createReadStream, openSync, writeSync } from 'node:fs'
import { constants, createGunzip, gzipSync } from 'node:zlib'

/** A file of lines that grows: one gzip member for each piece, so what is there can be read however it ends (RFC 1952, 2.2). */
export interface EventFile {
  readonly path: string
  /** Packed and written before it returns: a step that prints faster than this has to wait. */
  append(text: string): void
  close(): void
}

/** Creates one; the file must not exist. */
export function createEventFile(path: string): EventFile {
  const descriptor = openSync(path, 'wx', 0o600)
  return {
    path,
    append: (text) => {
      const packed = gzipSync(text, { level: LEVEL })
      for (let at = 0; at < packed.length; ) at += writeSync(descriptor, packed, at)
    },
    close: () => closeSync(descriptor),
  }
}

/** Its lines; of one that was damaged, those before the damage, and then it fails. */
export async function* readEventFile(path: string): AsyncGenerator<string> {
  const file = createReadStream(path)
  const gunzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH })
  file.on('error', (error) => gunzip.destroy(error))
  let rest = ''
  try {
    // Node's line reader takes more than line feeds for ends of lines.
    for await (const text of file.pipe(gunzip).setEncoding('utf8')) {
      const lines = (rest + String(text)).split('\n')
      rest = lines.pop() ?? ''
      yield* lines
    }
  } finally {
    file.destroy()
    gunzip.destroy()
  }
}

/** Logs shrink tenfold at any level, and nobody waits for the last percent. */
const LEVEL = 3
