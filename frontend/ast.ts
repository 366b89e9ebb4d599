import { type Instruction as AstInstruction, DockerfileParser, ModifiableInstruction } from 'dockerfile-ast'
import type { SourceFile, Span } from '../core/span.ts'
import type { Directives } from './directives.ts'
import type { LogicalLine } from './lines.ts'
import type { Places } from './source.ts'
import { trimEnd, trimStart } from './space.ts'
import { splitKeyword } from './split.ts'

/** Where one instruction and its parts stand. */
export interface Location {
  readonly span: Span
  readonly places: Places
}

interface Range {
  readonly start: { readonly line: number; readonly character: number }
  readonly end: { readonly line: number; readonly character: number }
}

/**
 * Positions of every instruction, from dockerfile-ast; the only file that knows it. Its structure is checked against
 * the lines as BuildKit joins them: those say where an instruction begins and ends, and one that the library does not
 * see there is parsed again alone. They differ in:
 *
 * - a doubled escape character at the end of a line, which does not continue it;
 * - an escape character after an escaped blank (`\ \`), which it skips;
 * - here-documents with a descriptor (`3<<EOF`), with partly quoted delimiters, in the JSON form (there are none), and
 *   `<<-` beside `<<`, where it strips tabs for both;
 * - unknown directives (`# x=y`), behind which it still obeys an `escape` directive;
 * - a byte order mark, which it leaves in the first column;
 * - vertical tabs and form feeds, which it does not take for white space;
 * - an instruction's end, which it puts behind comments that follow a last continued line.
 */
export function locate(
  file: SourceFile,
  lines: readonly string[],
  directives: Directives,
  logical: readonly LogicalLine[],
): readonly Location[] {
  const text = hideFalseDirectives(lines, directives.lines).join('')
  const byLine = new Map<number, AstInstruction>()
  for (const instruction of DockerfileParser.parse(text).getInstructions()) byLine.set(instruction.getRange().start.line, instruction)
  return logical.map((line) => {
    const found = byLine.get(line.first)
    if (found !== undefined && agrees(found, line)) return location(file, lines, line, found, 0)
    const alone = parseAlone(lines, line, directives.escape)
    return location(file, lines, line, alone?.instruction, alone?.shift ?? 0)
  })
}

/** Comments that look like directives but come after the last one lose their `=`; columns stay. */
function hideFalseDirectives(lines: readonly string[], directives: number): readonly string[] {
  const end = lines.findIndex((line, index) => index >= directives && !trimStart(line).startsWith('#'))
  const last = end < 0 ? lines.length : end
  return lines.map((line, index) => (index >= directives && index < last ? line.replaceAll('=', ' ') : line))
}

/** Whether it is the same instruction. Its end may be elsewhere, parts beyond the true one are not believed. */
function agrees(found: AstInstruction, line: LogicalLine): boolean {
  return splitKeyword(line.text).keyword.toUpperCase() === found.getKeyword()
}

/** The instruction's own lines as a file; `shift` is what its line numbers lack. */
function parseAlone(
  lines: readonly string[],
  line: LogicalLine,
  escape: string,
): { instruction: AstInstruction; shift: number } | undefined {
  const own = lines
    .slice(line.first, line.commandEnd + 1)
    .join('')
    .replace(/[\v\f]/g, ' ')
  const instruction = DockerfileParser.parse(`# escape=${escape}\n${own}`).getInstructions()[0]
  return instruction === undefined ? undefined : { instruction, shift: line.first - 1 }
}

function location(
  file: SourceFile,
  lines: readonly string[],
  line: LogicalLine,
  found: AstInstruction | undefined,
  shift: number,
): Location {
  const endText = trimEnd(lines[line.end] ?? '')
  const indent = (lines[line.first] ?? '').search(/\P{White_Space}|$/u)
  const span: Span = {
    file,
    start: { line: line.first + 1, column: (found?.getRange().start.character ?? indent) + 1 },
    end: { line: line.end + 1, column: endText.length + 1 },
  }
  const at = (range: Range | undefined): Span => {
    // Quirks above can leave a part outside of its instruction; then the whole is the better answer.
    if (range === undefined || range.end.line + shift > line.end || range.start.line + shift < line.first) return span
    return {
      file,
      start: { line: range.start.line + shift + 1, column: range.start.character + 1 },
      end: { line: range.end.line + shift + 1, column: range.end.character + 1 },
    }
  }
  return {
    span,
    places: {
      keyword: () => at(found?.getInstructionRange()),
      word: (text) => at(found === undefined ? undefined : rangeOfWord(found, text)),
      variable: (name) =>
        at(
          found
            ?.getVariables()
            .find((variable) => variable.getName() === name)
            ?.getRange(),
        ),
    },
  }
}

function rangeOfWord(found: AstInstruction, text: string): Range | undefined {
  const wanted = text.replace(/=.*$/s, '')
  const flags = found instanceof ModifiableInstruction ? found.getFlags() : []
  const same = text.startsWith('--') ? flags.filter((item) => `--${item.getName()}` === wanted) : []
  const flag = same.find((item) => `${wanted}=${item.getValue()}` === text) ?? same[0]
  if (flag !== undefined) return flag.getRange()
  const args = found.getArguments()
  const exact = args.find((arg) => unquote(arg.getValue()) === text)
  return (exact ?? args.find((arg) => arg.getValue().includes(text)))?.getRange()
}

/** An element of a JSON array comes with its brackets, commas and quotes. */
function unquote(value: string): string {
  return value.replace(/^\[?"?/, '').replace(/"?[\],]*$/, '')
}
