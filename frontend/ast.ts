import {
  type Argument,
  type Instruction as AstInstruction,
  DockerfileParser,
  type Flag,
  ModifiableInstruction,
  type Variable,
} from 'dockerfile-ast'
import type { SourceFile, Span } from '../core/span.ts'
import type { LogicalLine } from './lines.ts'
import type { Places } from './source.ts'
import { trimEnd } from './space.ts'

/** Where one instruction and its parts stand. */
export interface Location {
  readonly span: Span
  readonly places: Places
}

/** In an instruction of so many characters nobody looks for a column, and the library would take seconds to. */
const LENGTH_LIMIT = 250_000

interface Range {
  readonly start: { readonly line: number; readonly character: number }
  readonly end: { readonly line: number; readonly character: number }
}

/**
 * Where an instruction and its parts stand, from dockerfile-ast; the only file that knows it. The instruction is parsed alone, when
 * a part of it is first asked for: where it begins and ends is known from the lines as BuildKit joins them, and most files are
 * built without anybody asking. As a file of its own it escapes what the library sees otherwise:
 *
 * - a doubled escape character at the end of a line, which does not continue it;
 * - an escape character after an escaped blank (`\ \`), which it skips;
 * - here-documents with a descriptor (`3<<EOF`), with partly quoted delimiters, in the JSON form (there are none), and
 *   `<<-` beside `<<`, where it strips tabs for both;
 * - unknown directives (`# x=y`), behind which it still obeys an `escape` directive;
 * - a byte order mark, which it leaves in the first column;
 * - an instruction's end, which it puts behind comments that follow a last continued line;
 * - an indented instruction before the first FROM, whose variables it looks for without end: ours stands behind a FROM.
 *
 * Vertical tabs and form feeds, which it does not take for white space, are blanks for it.
 */
export function locate(file: SourceFile, lines: readonly string[], escape: string, line: LogicalLine): Location {
  const endText = trimEnd(lines[line.end] ?? '')
  const indent = (lines[line.first] ?? '').search(/\P{White_Space}|$/u)
  const span: Span = {
    file,
    start: { line: line.first + 1, column: indent + 1 },
    end: { line: line.end + 1, column: endText.length + 1 },
  }
  let parsed: Parsed | undefined
  const instruction = (): Parsed => (parsed ??= line.text.length > LENGTH_LIMIT ? new Parsed(undefined) : parse(lines, escape, line))
  // What its lines lack: its own first line is the third one of what is parsed.
  const shift = line.first - 2
  const at = (range: Range | undefined | null): Span => {
    // Quirks above can leave a part outside of its instruction; then the whole is the better answer.
    if (range === undefined || range === null) return span
    if (range.end.line + shift > line.end || range.start.line + shift < line.first) return span
    return {
      file,
      start: { line: range.start.line + shift + 1, column: range.start.character + 1 },
      end: { line: range.end.line + shift + 1, column: range.end.character + 1 },
    }
  }
  const places: Places = {
    keyword: () => at(quietly(() => instruction().found?.getInstructionRange())),
    word: (text) => at(quietly(() => rangeOfWord(instruction(), text))),
    variable: (name) => at(quietly(() => rangeOfVariable(instruction(), name))),
  }
  return { span, places }
}

/** What the library says of one instruction; each list is made once, when it is asked for. */
class Parsed {
  readonly found: AstInstruction | undefined
  #args: readonly Argument[] | undefined
  #words: Map<string, Argument> | undefined
  #variables: readonly Variable[] | undefined

  constructor(found: AstInstruction | undefined) {
    this.found = found
  }

  get flags(): readonly Flag[] {
    return this.found instanceof ModifiableInstruction ? this.found.getFlags() : []
  }

  get args(): readonly Argument[] {
    this.#args ??= this.found?.getArguments() ?? []
    return this.#args
  }

  get variables(): readonly Variable[] {
    this.#variables ??= this.found?.getVariables() ?? []
    return this.#variables
  }

  /** The first argument with this text. */
  argument(text: string): Argument | undefined {
    // From the back, so that the first of two stays.
    this.#words ??= new Map(this.args.toReversed().map((arg) => [unquote(arg.getValue()), arg]))
    return this.#words.get(text)
  }
}

/** The instruction's own lines as a file, below a directive and a FROM. */
function parse(lines: readonly string[], escape: string, line: LogicalLine): Parsed {
  const own = lines
    .slice(line.first, line.commandEnd + 1)
    .join('')
    .replace(/[\v\f]/g, ' ')
  return new Parsed(DockerfileParser.parse(`# escape=${escape}\nFROM a\n${own}`).getInstructions()[1])
}

/** What the library says; a place is not worth failing for, whatever it stumbles over. */
function quietly<T>(ask: () => T): T | undefined {
  try {
    return ask()
  } catch {
    return undefined
  }
}

function rangeOfVariable(parsed: Parsed, name: string): Range | undefined {
  return parsed.variables.find((variable) => variable.getName() === name)?.getRange()
}

function rangeOfWord(parsed: Parsed, text: string): Range | undefined {
  const wanted = text.replace(/=.*$/s, '')
  const same = text.startsWith('--') ? parsed.flags.filter((item) => `--${item.getName()}` === wanted) : []
  const flag = same.find((item) => `${wanted}=${item.getValue()}` === text) ?? same[0]
  if (flag !== undefined) return flag.getRange()
  return (parsed.argument(text) ?? parsed.args.find((arg) => arg.getValue().includes(text)))?.getRange()
}

/** An element of a JSON array comes with its brackets, commas and quotes. */
function unquote(value: string): string {
  return value.replace(/^\[?"?/, '').replace(/"?[\],]*$/, '')
}
