import { Command, Option } from 'commander'
import { TsbError } from '../../core/error.ts'
import { parseStepFilters } from '../../core/step-filter.ts'
import type { BuildOptions } from '../../engine/types.ts'
import { readBytes } from '../bytes.ts'
import { type CallOption, readCall } from '../call/option.ts'
import type { CommandModule, Invocation } from '../command.ts'
import { collect } from '../flags.ts'
import type { CliHost, EngineModule, OutputSpec } from '../host.ts'
import { parseArguments } from '../parse.ts'
import { progressMode } from '../render/mode.ts'
import type { ProgressDisplay } from '../render/progress.ts'
import { writesTerminal } from '../streams.ts'
import { withEngine } from '../with-engine.ts'

interface BuildFlags {
  readonly tag?: readonly string[]
  readonly file?: string
  readonly target?: string
  readonly buildArg?: readonly string[]
  readonly label?: readonly string[]
  readonly buildContext?: readonly string[]
  readonly secret?: readonly string[]
  readonly ssh?: readonly string[]
  readonly allow?: readonly string[]
  readonly network: BuildOptions['network']
  /** `--no-cache` makes it false. */
  readonly cache: boolean
  /** Of `--no-cache-filter`: commander takes it for the opposite of a flag that is on. */
  readonly cacheFilter: readonly string[] | true
  readonly volatile?: readonly string[]
  readonly maxParallel?: string
  /** `--no-stat-cache` makes it false. */
  readonly statCache: boolean
  readonly pull?: true
  readonly progress?: string
  readonly quiet?: true
  readonly iidfile?: string
  readonly output?: readonly string[]
  readonly push?: true
  readonly load?: true
  readonly platform?: string
  readonly maxDisk?: string
  readonly ociRuntime?: string
  readonly call?: string
  readonly check?: true
}

/** `tsbuild [build] [OPTIONS] PATH`, with the flags of `docker buildx build`. */
export const buildCommand: CommandModule = {
  define: () =>
    new Command('build')
      .description('Build an image from a Dockerfile. `build` may be left out: `tsbuild -t app .`')
      .argument('<path>', 'build context: a directory, a git or web URL, or `-` for a tar or a Dockerfile on standard input')
      .option('-t, --tag <name[:tag]>', 'name of the image; may be given several times', collect)
      .option('-f, --file <file>', 'the Dockerfile, `-` for standard input (default: `Dockerfile` in the context)')
      .option('--target <stage>', 'build only up to this stage')
      .option('--build-arg <name[=value]>', 'set a build argument; without a value take it from the environment', collect)
      .option('--label <name=value>', 'set a label of the image', collect)
      .option(
        '--build-context <name=value>',
        'what stands for a stage or image of that name: a directory, a git or web URL, `docker-image://…`, `oci-layout://…` or `target:STAGE`',
        collect,
      )
      .option(
        '--secret <spec>',
        "value for `RUN --mount=type=secret`: `id=NAME,src=FILE` or `id=NAME,env=VARIABLE`; `id=NAME` is the variable's or the file's of that name",
        collect,
      )
      .option(
        '--ssh <spec>',
        'SSH agent for `RUN --mount=type=ssh`: `default` (that of SSH_AUTH_SOCK), `NAME=SOCKET` or `NAME=KEYFILE[,KEYFILE]`',
        collect,
      )
      .option('--allow <entitlement>', 'let steps have more than the sandbox: `network.host`, `security.insecure`', collect)
      .addOption(
        new Option('--network <mode>', 'network of RUN where it names none; `host` allows it to all')
          .choices(['default', 'none', 'host'])
          .default('default'),
      )
      .option('--no-cache', 'run every step, whatever earlier builds left')
      .option(
        '--no-cache-filter <stage>',
        'run the steps of these stages whatever earlier builds left; `STAGE:N` is the one shown as `[STAGE N/M]`',
        (value: string, previous: readonly string[] | true) => collect(value, previous === true ? [] : previous),
      )
      .option(
        '--volatile <pattern>',
        'paths that do not count where a step runs again: with nothing else changed its earlier output stands, these paths included',
        collect,
      )
      .option('--no-stat-cache', 'read every file of the context again, even where size and times are as before')
      .option('--pull', 'ask the registry for newer base images')
      .option(
        '-o, --output <spec>',
        'where the result goes: `type=image|registry|oci|docker|tar|local[,dest=…]`; `-` is standard output; docs/outputs.md has the options',
        collect,
      )
      .option('--push', 'push the image to its registry: `-o type=registry`')
      .option('--load', 'keep the image in the store, which is the default: `-o type=image`')
      .option('--max-disk <bytes>', 'keep the store within this size, always: what saves the least time goes before it is exceeded')
      .option('--platform <os/arch>', "platform of the result (default: this machine's)")
      .option('--progress <mode>', 'how progress looks: auto, plain, tty, quiet, rawjson (default: auto)')
      .option('-q, --quiet', 'print only the image ID')
      .option('--iidfile <file>', 'write the image ID to a file')
      .option('--max-parallel <n>', 'steps that may execute at once (default: 4 for each core, at least 16)')
      .option('--oci-runtime <name>', 'OCI runtime for RUN: a name or a path')
      .option('--check', 'look through the Dockerfile and build nothing: `--call=check`; docs/checks.md has the rules')
      .option(
        '--call <method>',
        'what to do instead of a build: `check`, `outline` (arguments and secrets of the target) or `targets` (stages); `,format=json` and `,ignorestatus=true` may follow',
      ),
  execute: async (invocation, host) => {
    const flags = invocation.flags as BuildFlags
    const [engine, { openProgress }] = await Promise.all([host.loadEngine(), import('../render/progress.ts')])
    const call = readCall(flags)
    const options = buildOptions(invocation, engine)
    const archiveOnStdout = call === undefined && checkOutputs(options.outputs, host)
    const mode = progressMode(flags, host.env, host.terminal)
    const progress = await openProgress(mode, host.terminal, host.env, () => engine.hostEffects.now())
    if (call !== undefined) return executeCall(call, options, progress, host)
    const choice = flags.ociRuntime === undefined ? {} : { runtime: flags.ociRuntime }
    try {
      const result = await withEngine(host, choice, (opened, signal) => opened.build(options, progress.onEvent, signal))
      progress.close()
      if (mode === 'quiet' && result.image !== undefined && !archiveOnStdout) host.terminal.stdout.write(`${result.image}\n`)
      return 0
    } finally {
      progress.close()
    }
  },
}

async function executeCall(call: CallOption, options: BuildOptions, progress: ProgressDisplay, host: CliHost): Promise<number> {
  try {
    const answer = await withEngine(host, {}, (engine, signal) => engine.call(call.name, options, progress.onEvent, signal))
    progress.close()
    const { printAnswer } = await import('../call/answer.ts')
    return printAnswer(answer, call, options, host)
  } finally {
    progress.close()
  }
}

/**
 * What a command line of `tsbuild build` asks of the engine.
 * @param argv what stands after `build`
 * @throws TsbError `TSB_USAGE_*`
 */
export function readBuild(argv: readonly string[], parsers: Parsers): BuildOptions {
  const parsed = parseArguments(buildCommand, argv)
  if (parsed.kind === 'help') throw new TsbError('TSB_USAGE_INVALID', '`--help` builds nothing', { fault: 'usage' })
  return buildOptions(parsed.invocation, parsers)
}

/** What the engine reads of flags that are small languages. */
export type Parsers = Pick<EngineModule, 'parseOutput' | 'parseSecret' | 'parseSsh'>

/** With buildx's two short forms in the long one. */
function outputTexts({ output = [], push, load }: BuildFlags): readonly string[] {
  return [...output, ...(push ? ['type=registry'] : []), ...(load ? ['type=image'] : [])]
}

function buildOptions(invocation: Invocation, { parseOutput, parseSecret, parseSsh }: Parsers): BuildOptions {
  const flags = invocation.flags as BuildFlags
  const context = invocation.args[0] ?? ''
  return {
    context,
    tags: flags.tag ?? [],
    buildArgs: (flags.buildArg ?? []).map((text) => splitPair('--build-arg', text)),
    labels: (flags.label ?? []).map((text) => {
      const [name, value = ''] = splitPair('--label', text)
      return [name, value] as const
    }),
    contexts: (flags.buildContext ?? []).map(readContext),
    secrets: (flags.secret ?? []).map((text) => parseSecret(text)),
    ssh: (flags.ssh ?? []).map((text) => parseSsh(text)),
    allow: (flags.allow ?? []).map(readEntitlement),
    network: flags.network,
    noCache: !flags.cache,
    noCacheFilter: (flags.cacheFilter === true ? [] : flags.cacheFilter).flatMap(parseStepFilters),
    volatile: flags.volatile ?? [],
    noStatCache: !flags.statCache,
    pull: flags.pull ?? false,
    outputs: outputTexts(flags).map((text) => parseOutput(text)),
    ...(flags.maxParallel === undefined ? {} : { maxParallel: readCount('--max-parallel', flags.maxParallel) }),
    ...(flags.file === undefined ? {} : { file: flags.file }),
    ...(flags.target === undefined ? {} : { target: flags.target }),
    ...(flags.maxDisk === undefined ? {} : { maxDisk: readBytes('--max-disk', flags.maxDisk) }),
    ...(flags.platform === undefined ? {} : { platform: flags.platform }),
    ...(flags.iidfile === undefined ? {} : { iidFile: flags.iidfile }),
  }
}

function readCount(flag: string, text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new TsbError('TSB_USAGE_INVALID_VALUE', `\`${flag} ${text}\` is not a number from 1`, {
    fault: 'usage',
    hint: `write \`${flag} 4\``,
  })
}

function readEntitlement(text: string): BuildOptions['allow'][number] {
  if (text === 'network.host' || text === 'security.insecure') return text
  throw new TsbError('TSB_USAGE_INVALID_VALUE', `\`${text}\` is nothing that can be allowed`, {
    fault: 'usage',
    hint: 'allow `network.host` or `security.insecure`',
  })
}

function readContext(text: string): readonly [name: string, value: string] {
  const [name, value = ''] = splitPair('--build-context', text)
  if (value !== '') return [name, value]
  throw new TsbError('TSB_USAGE_INVALID_VALUE', `context \`${name}\` has no value`, {
    fault: 'usage',
    hint: 'write `--build-context NAME=DIRECTORY`',
  })
}

function splitPair(flag: string, text: string): readonly [name: string, value: string | undefined] {
  const equals = text.indexOf('=')
  const name = equals < 0 ? text : text.slice(0, equals)
  if (name !== '') return [name, equals < 0 ? undefined : text.slice(equals + 1)]
  throw new TsbError('TSB_USAGE_INVALID_VALUE', `\`${text}\` has no name before \`=\``, {
    fault: 'usage',
    hint: `write \`${flag} NAME=value\``,
  })
}

/** Whether an archive goes to stdout; it must be the only one, and not land on a screen. */
function checkOutputs(outputs: readonly OutputSpec[], host: CliHost): boolean {
  const onStdout = outputs.filter((output) => output.type !== 'image' && output.dest === '-')
  if (onStdout.length > 1) {
    throw new TsbError('TSB_USAGE_STDOUT_TWICE', 'two outputs on standard output', {
      fault: 'usage',
      hint: 'give all but one of them a `dest=FILE`',
    })
  }
  if (onStdout.length > 0 && host.terminal.stdout.isTerminal) throw writesTerminal('use `dest=FILE`, or redirect standard output')
  return onStdout.length > 0
}
