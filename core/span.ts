import { isUtf8 } from 'node:buffer'

/** A file the user wrote, with its text: what a span points into. */
export interface SourceFile {
  /** As the user would name it: `Dockerfile`, `docker/app.Dockerfile`, `-`. */
  readonly name: string
  readonly text: string
  /** It is not UTF-8: U+FFFD stands where bytes could not be read. */
  readonly damaged?: true
}

/** A file from its bytes. */
export function sourceFile(name: string, bytes: Uint8Array): SourceFile {
  return { name, text: Buffer.from(bytes).toString('utf8'), ...(isUtf8(bytes) ? {} : { damaged: true }) }
}

/** A range in a source file. Lines and columns count from 1; columns are UTF-16 units; `end` is exclusive. */
export interface Span {
  readonly file: SourceFile
  readonly start: Position
  readonly end: Position
}

export interface Position {
  readonly line: number
  readonly column: number
}
