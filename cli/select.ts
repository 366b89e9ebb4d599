import { TsbError } from '../core/error.ts'
import { COMMANDS } from './commands/index.ts'
import type { CliHost } from './host.ts'

/** What the first words ask for. */
export type Selected =
  | { readonly kind: 'command'; readonly name: string; readonly argv: readonly string[] }
  /** `of`: one command; absent: the overview. */
  | { readonly kind: 'help'; readonly of?: string }

/**
 * The command of an argument list: its first word, or `build`, the default.
 * @throws TsbError `TSB_USAGE_UNKNOWN_COMMAND` for a lone word that is neither a command nor an existing path
 */
export async function selectCommand(argv: readonly string[], host: Pick<CliHost, 'exists'>): Promise<Selected> {
  const [first, ...rest] = argv
  if (first === undefined || first === '--help' || first === '-h') return { kind: 'help' }
  if (first === 'help') {
    const [of] = rest
    if (of === undefined) return { kind: 'help' }
    if (isCommand(of)) return { kind: 'help', of }
    throw unknownCommand(of)
  }
  if (isCommand(first)) return { kind: 'command', name: first, argv: rest }
  if (looksLikeCommand(first) && !(await host.exists(first))) throw unknownCommand(first)
  return { kind: 'command', name: 'build', argv }
}

function isCommand(word: string): boolean {
  return Object.hasOwn(COMMANDS, word)
}

/** A path with a slash or dot is a context, whether it exists or not. */
function looksLikeCommand(word: string): boolean {
  return /^[a-z][a-z-]*$/.test(word)
}

function unknownCommand(word: string): TsbError {
  const guess = closest(word, [...Object.keys(COMMANDS), 'help'])
  return new TsbError('TSB_USAGE_UNKNOWN_COMMAND', `\`${word}\` is neither a command nor a directory`, {
    fault: 'usage',
    hint: guess === undefined ? 'see `tsbuild --help`' : `did you mean \`tsbuild ${guess}\``,
  })
}

/** The word that differs least, if it differs by a slip of the finger or two. */
function closest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(word, candidate) }))
    .sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  return best !== undefined && best.distance <= Math.max(1, Math.floor(word.length / 3)) ? best.candidate : undefined
}

/** Levenshtein's distance, neighbours swapped counting as one (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const table: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  const at = (row: number, column: number): number => table[row]?.[column] ?? Number.POSITIVE_INFINITY
  for (let row = 1; row <= a.length; row++) {
    const line = [row]
    table.push(line)
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1]
      const isSwapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      line.push(
        Math.min(
          at(row - 1, column) + 1,
          at(row, column - 1) + 1,
          at(row - 1, column - 1) + (isSame ? 0 : 1),
          isSwapped ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      )
    }
  }
  return at(a.length, b.length)
}
