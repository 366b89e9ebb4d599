import { type CliHost, processHost } from './host.ts'
import { VERSION } from './version.ts'

/**
 * The command line: arguments in, exit code out (`EXIT_CODES`; `run` has docker's). Never rejects.
 * `--version` is answered here, before anything else is loaded.
 */
export async function main(argv: readonly string[], host: CliHost = processHost()): Promise<number> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-v')) {
    host.terminal.stdout.write(`tsbuild ${VERSION}\n`)
    return 0
  }
  const { dispatch } = await import('./dispatch.ts')
  const code = await dispatch(argv, host)
  await Promise.all([host.terminal.stdout.drained(), host.terminal.stderr.drained()])
  return code
}
