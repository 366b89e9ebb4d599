/** A file the user wrote, with its text: what a span points into. */
export interface SourceFile {
  /** As the user would name it: `Dockerfile`, `docker/app.Dockerfile`, `-`. */
  readonly name: string
  readonly text: string
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
