import { EXIT_CODES, type TsbError, toTsbError } from '../core/error.ts'
import { COMMANDS, type CommandEntry } from './commands/index.ts'
import type { CliHost } from './host.ts'
import { selectCommand } from './select.ts'

/** Docker's code for a `run` that failed before the program had a say. */
const RUN_FAILURE = 125
/** And those of a program that could not be started. */
const RUN_CODES: Readonly<Record<string, number>> = { TSB_COMMAND_NOT_EXECUTABLE: 126, TSB_COMMAND_NOT_FOUND: 127 }
/** errno(3) */
const EPIPE = 32
/** As a program that SIGPIPE ended: 128 + 13. */
const BROKEN_PIPE = 141

/** Runs the command that the arguments name. Gives the exit code; every error has been printed by then. */
export async function dispatch(argv: readonly string[], host: CliHost): Promise<number> {
  let isPipeBroken = false
  host.terminal.onClosed(() => {
    isPipeBroken = true
  })
  let name: string | undefined
  try {
    const selected = await selectCommand(argv, host)
    name = selected.kind === 'command' ? selected.name : undefined
    const code = selected.kind === 'help' ? await showHelp(selected.of, host) : await execute(selected.name, selected.argv, host)
    return isPipeBroken ? BROKEN_PIPE : code
  } catch (thrown) {
    if (isPipeBroken || isBrokenPipe(thrown)) return BROKEN_PIPE
    const error = toTsbError(thrown)
    await report(error, host)
    return name === 'run' && error.fault !== 'interrupted' ? (RUN_CODES[error.code] ?? RUN_FAILURE) : EXIT_CODES[error.fault]
  }
}

async function execute(name: string, argv: readonly string[], host: CliHost): Promise<number> {
  const entry = entryOf(name)
  if (entry.subcommands !== undefined) {
    const { selectSubcommand } = await import('./subcommands.ts')
    const selected = selectSubcommand(name, entry.subcommands, argv)
    if (selected.kind === 'subcommand') return executeEntry(selected.entry, selected.argv, host)
    host.terminal.stdout.write(selected.text)
    return 0
  }
  return executeEntry(entry, argv, host)
}

async function executeEntry(entry: CommandEntry, argv: readonly string[], host: CliHost): Promise<number> {
  const [module, { parseArguments }] = await Promise.all([entry.load(), import('./parse.ts')])
  const parsed = parseArguments(module, argv)
  if (parsed.kind === 'invocation') return module.execute(parsed.invocation, host)
  host.terminal.stdout.write(parsed.text)
  return 0
}

async function showHelp(name: string | undefined, host: CliHost): Promise<number> {
  if (name === undefined) {
    const { overview } = await import('./overview.ts')
    host.terminal.stdout.write(overview())
    return 0
  }
  return execute(name, ['--help'], host)
}

async function report(error: TsbError, host: CliHost): Promise<void> {
  const [{ renderError }, { palette }] = await Promise.all([import('./render/error.ts'), import('./render/palette.ts')])
  const isDebug = (host.env.DEBUG ?? '').split(',').some((topic) => topic === 'tsbuild' || topic === '*')
  host.terminal.stderr.write(renderError(error, palette(host.terminal.stderr, host.env), isDebug))
}

function entryOf(name: string): CommandEntry {
  const entry = COMMANDS[name]
  if (entry === undefined) throw new Error(`no command called ${name}`)
  return entry
}

/** Whether the reader of our stdout went away: nobody is left who wants to hear about it. */
function isBrokenPipe(thrown: unknown): boolean {
  for (let each = thrown, depth = 0; each instanceof Error && depth < 8; each = each.cause, depth++) {
    if ('code' in each && each.code === 'EPIPE') return true
    // What the native core writes to a pipe itself: its cause is the system's number.
    if (typeof each.cause === 'object' && each.cause !== null && 'errno' in each.cause && each.cause.errno === EPIPE) return true
  }
  return false
}
