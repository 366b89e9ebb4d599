import type { SourceFile } from '../core/span.ts'
import { locate } from './ast.ts'
import { type Directives, readDirectives } from './directives.ts'
import { logicalLines, physicalLines } from './lines.ts'
import { problem } from './problems.ts'
import type { RawInstruction } from './source.ts'
import { splitInstruction } from './split.ts'

export interface ParsedFile {
  readonly directives: Directives
  readonly instructions: readonly RawInstruction[]
}

/**
 * Splits a Dockerfile into instructions, each with its flags, rest, here-documents and positions.
 * @throws TsbError `TSB_DOCKERFILE_EMPTY`, `TSB_DOCKERFILE_HEREDOC`, `TSB_DOCKERFILE_LINE_TOO_LONG`, `TSB_DOCKERFILE_DIRECTIVE_INVALID`
 */
export function parseFile(file: SourceFile): ParsedFile {
  const lines = physicalLines(file.text)
  const directives = readDirectives(file, lines)
  const logical = logicalLines(file, lines, directives.escape)
  if (logical.length === 0) {
    const start = { line: 1, column: 1 }
    throw problem(
      'TSB_DOCKERFILE_EMPTY',
      `\`${file.name}\` has no instructions`,
      { file, start, end: start },
      'begin it with `FROM image` or `FROM scratch`',
    )
  }
  const instructions = logical.map((line): RawInstruction => {
    const { span, places } = locate(file, lines, directives.escape, line)
    const blank = line.blank
    return {
      ...splitInstruction(line.text),
      trailing: line.trailing,
      heredocs: line.heredocs,
      comments: line.comments,
      blankLine: blank === undefined ? undefined : { file, start: { line: blank + 1, column: 1 }, end: { line: blank + 1, column: 1 } },
      lastLine: line.commandLast + 1,
      span,
      places,
      escape: directives.escape,
    }
  })
  return { directives, instructions }
}
