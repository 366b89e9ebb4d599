import { TsbError } from '../core/error.ts'
import type { CommandEntry } from './commands/index.ts'

/** What the words behind a command with subcommands ask for. */
export type SelectedSubcommand =
  | { readonly kind: 'subcommand'; readonly entry: CommandEntry; readonly argv: readonly string[] }
  | { readonly kind: 'help'; readonly text: string }

/** The first word names the subcommand; none, or a flag, means the first one. @throws TsbError `TSB_USAGE_UNKNOWN_COMMAND` */
export function selectSubcommand(
  command: string,
  subcommands: Readonly<Record<string, CommandEntry>>,
  argv: readonly string[],
): SelectedSubcommand {
  const [word, ...rest] = argv
  if (word === '--help' || word === '-h') return { kind: 'help', text: subcommandHelp(command, subcommands) }
  if (word !== undefined && !word.startsWith('-')) {
    const entry = Object.hasOwn(subcommands, word) ? subcommands[word] : undefined
    if (entry !== undefined) return { kind: 'subcommand', entry, argv: rest }
    throw new TsbError('TSB_USAGE_UNKNOWN_COMMAND', `\`${command}\` has no subcommand \`${word}\``, {
      fault: 'usage',
      hint: `write one of ${Object.keys(subcommands)
        .map((name) => `\`${name}\``)
        .join(', ')}`,
    })
  }
  const [first] = Object.values(subcommands)
  if (first === undefined) throw new Error(`${command} has no subcommands`)
  return { kind: 'subcommand', entry: first, argv }
}

/** Its help: what subcommands there are. */
export function subcommandHelp(command: string, subcommands: Readonly<Record<string, CommandEntry>>): string {
  const width = Math.max(...Object.keys(subcommands).map((word) => word.length)) + 3
  return [
    `Usage: tsbuild ${command} [subcommand] [options]`,
    '',
    ...Object.entries(subcommands).map(([word, { summary }]) => `  ${word.padEnd(width)}${summary}`),
    '',
    `\`tsbuild ${command}\` alone is \`tsbuild ${command} ${Object.keys(subcommands)[0]}\`.`,
    '',
  ].join('\n')
}
