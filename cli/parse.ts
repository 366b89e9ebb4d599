import type { Command, CommanderError } from 'commander'
import { type ErrorCode, TsbError } from '../core/error.ts'
import type { CommandModule, Invocation } from './command.ts'
import { normaliseFlags } from './flags.ts'

const CODES: Readonly<Record<string, ErrorCode>> = {
  'commander.unknownOption': 'TSB_USAGE_UNKNOWN_FLAG',
  'commander.missingArgument': 'TSB_USAGE_MISSING_ARGUMENT',
  'commander.excessArguments': 'TSB_USAGE_EXCESS_ARGUMENT',
  'commander.optionMissingArgument': 'TSB_USAGE_MISSING_VALUE',
  'commander.invalidArgument': 'TSB_USAGE_INVALID_VALUE',
}

/** The remedy, where a slip is common enough to be known. */
const HINTS: Readonly<Record<string, string>> = {
  'tsbuild build commander.missingArgument': 'end with the directory of the build context, `.` for this one',
  'tsbuild build commander.excessArguments': 'give one directory, after the options; quote values that hold blanks',
  'tsbuild load commander.excessArguments': 'name the archive with `-i`: `tsbuild load -i FILE`',
}

/** What the arguments ask for: the command's work, or its help. */
export type Parsed = { readonly kind: 'invocation'; readonly invocation: Invocation } | { readonly kind: 'help'; readonly text: string }

/**
 * Reads the arguments after the command's name.
 * @throws TsbError `TSB_USAGE_*`
 */
export function parseArguments(module: CommandModule, argv: readonly string[]): Parsed {
  const command = prepare(module)
  let text = ''
  command.configureOutput({ writeOut: (part) => (text += part), writeErr: () => {} })
  try {
    command.parse(normaliseFlags(command, argv, module.passThrough ?? false), { from: 'user' })
  } catch (error) {
    if (!isCommanderError(error)) throw error
    if (error.code === 'commander.helpDisplayed') return { kind: 'help', text }
    throw usageError(error, command)
  }
  return { kind: 'invocation', invocation: { args: command.args, flags: command.opts() } }
}

/** The command's full help. */
export function helpText(module: CommandModule): string {
  return prepare(module).helpInformation()
}

function prepare(module: CommandModule): Command {
  const command = module.define()
  // The same text on every screen: the manual is made from it.
  command.configureHelp({ helpWidth: 100, sortOptions: false })
  if (module.passThrough) command.passThroughOptions()
  return command.name(`tsbuild ${command.name()}`).exitOverride().showSuggestionAfterError(true)
}

/** Commander's message in our form: its suggestion becomes the hint. */
function usageError(error: CommanderError, command: Command): TsbError {
  const [first = '', suggestion = ''] = error.message.replace(/^error: /, '').split('\n')
  const message = first
    .replace(/'([^']*)'/g, '`$1`')
    .replace(/\. Expected (\d+) arguments? but got (\d+)/, ': expected $1, found $2')
    .replace(/\.$/, '')
  const guess = /Did you mean (?:one of )?(.+)\?/.exec(suggestion)?.[1]
  const hint = guess === undefined ? `see \`${command.name()} --help\`` : `did you mean \`${guess}\``
  return new TsbError(CODES[error.code] ?? 'TSB_USAGE_INVALID', message, {
    fault: 'usage',
    hint: HINTS[`${command.name()} ${error.code}`] ?? hint,
  })
}

function isCommanderError(error: unknown): error is CommanderError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.')
}
