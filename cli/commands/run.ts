import { Command, Option } from 'commander'
import { TsbError } from '../../core/error.ts'
import type { RunOptions } from '../../engine/types.ts'
import type { CommandModule } from '../command.ts'
import { collect } from '../flags.ts'
import type { CliHost } from '../host.ts'
import { engineEnvironment } from '../with-engine.ts'

interface RunFlags {
  readonly rm?: true
  readonly interactive?: true
  readonly tty?: true
  readonly env?: readonly string[]
  readonly volume?: readonly string[]
  readonly workdir?: string
  readonly user?: string
  readonly entrypoint?: string
  readonly network: 'default' | 'none' | 'host'
  readonly hostname?: string
  readonly ociRuntime?: string
}

/** `tsbuild run [OPTIONS] IMAGE [COMMAND…]`; resolves with the program's exit code. */
export const runCommand: CommandModule = {
  passThrough: true,
  define: () =>
    new Command('run')
      .description(
        'Run a command in a new container of an image and exit with its code.\n' +
          '125: tsbuild itself failed, 126: the command cannot be executed, 127: there is no such command.',
      )
      .usage('[options] <image> [command...]')
      .argument('<image>', 'name or ID of the image; pulled when absent')
      .argument('[command...]', "instead of the image's own command")
      .option('--rm', 'remove the container when it ends')
      .option('-i, --interactive', 'pass standard input on')
      .option('-t, --tty', 'give the command a terminal')
      .option('-e, --env <name[=value]>', 'set a variable; without a value take it from the environment', collect)
      .option('-v, --volume <source:target[:ro]>', 'make a path of this machine visible', collect)
      .option('-w, --workdir <path>', 'working directory')
      .option('-u, --user <user[:group]>', 'user to run as')
      .option('--entrypoint <command>', "instead of the image's entry point")
      .addOption(new Option('--network <mode>', 'network of the container').choices(['default', 'none', 'host']).default('default'))
      .option('-h, --hostname <name>', 'host name in the container')
      .option('--oci-runtime <name>', 'OCI runtime: a name or a path')
      .helpOption('--help', 'show this help'),
  execute: async (invocation, host) => {
    const flags = invocation.flags as RunFlags
    const options = runOptions(flags, invocation.args, host)
    if (options.tty && !host.terminal.stdin.isTerminal) {
      throw new TsbError('TSB_USAGE_NO_TERMINAL', 'the input device is not a TTY', { fault: 'usage', hint: 'leave out `-t`' })
    }
    const { openEngine } = await host.loadEngine()
    const choice = flags.ociRuntime === undefined ? {} : { runtime: flags.ociRuntime }
    // Signals belong to the engine, which hands them to the program; none may end us before the clean-up.
    const release = host.onSignal(() => undefined)
    try {
      await using engine = await openEngine({ env: engineEnvironment(host, choice) })
      return await engine.run(options, new AbortController().signal)
    } finally {
      release()
    }
  },
}

function runOptions(flags: RunFlags, args: readonly string[], host: CliHost): RunOptions {
  const [image = '', ...command] = args
  return {
    image,
    command,
    env: (flags.env ?? []).flatMap((item) => environmentEntry(item, host)),
    volumes: flags.volume ?? [],
    network: flags.network,
    interactive: flags.interactive ?? false,
    tty: flags.tty ?? false,
    remove: flags.rm ?? false,
    ...(flags.entrypoint === undefined ? {} : { entrypoint: flags.entrypoint }),
    ...(flags.workdir === undefined ? {} : { workdir: flags.workdir }),
    ...(flags.user === undefined ? {} : { user: flags.user }),
    ...(flags.hostname === undefined ? {} : { hostname: flags.hostname }),
  }
}

/** `NAME` takes the value from our environment; when it has none the name stays bare, which unsets the image's, as docker does. */
function environmentEntry(item: string, host: CliHost): readonly string[] {
  if (item.startsWith('=') || item === '') {
    throw new TsbError('TSB_USAGE_INVALID_VALUE', `\`${item}\` is not a variable`, {
      fault: 'usage',
      hint: 'write `-e NAME=value` or `-e NAME`',
    })
  }
  if (item.includes('=')) return [item]
  const value = host.env[item]
  return [value === undefined ? item : `${item}=${value}`]
}
