import { readFlags } from '../flags.ts'
import { chompBody, readHeredoc } from '../heredoc.ts'
import { type MountFlag, splitMount } from '../mounts.ts'
import { problem } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import { trim } from '../space.ts'
import { didYouMean } from '../suggest.ts'
import { type CommandLine, type Located, readCommandLine } from './common.ts'

export interface RunInstruction extends Located {
  readonly kind: 'run'
  readonly command: CommandLine
  readonly mounts: readonly MountFlag[]
  readonly network: 'default' | 'none' | 'host'
  readonly security: 'sandbox' | 'insecure'
  /** CDI devices, as written. */
  readonly devices: readonly string[]
  /** First line of a script given as here-document, for the step's name. */
  readonly summary: string | undefined
  /** A here-document with an interpreter of its own: a program that the command runs by its path. */
  readonly script: Script | undefined
}

export interface Script {
  readonly name: string
  readonly content: string
}

/** Where a step finds its script. */
export const SCRIPTS = '/dev/pipes'

const NETWORKS = ['default', 'none', 'host'] as const
const SECURITIES = ['sandbox', 'insecure'] as const

/**
 * `RUN [--mount=M] [--network=N] [--security=S] command`.
 * @throws TsbError `TSB_DOCKERFILE_FLAG_INVALID`, `TSB_DOCKERFILE_MOUNT`, `TSB_DOCKERFILE_FROM_VARIABLE`, `TSB_DOCKERFILE_ARGUMENTS`
 */
export function readRun(raw: RawInstruction): RunInstruction {
  const flags = readFlags(raw, { mount: 'list', network: 'text', security: 'text', device: 'list' })
  const mounts = flags.list('mount').map((text) => splitMount(raw, text))
  const network = choose(raw, 'network', flags.text('network') ?? 'default', NETWORKS)
  const security = choose(raw, 'security', flags.text('security') ?? 'sandbox', SECURITIES)
  const written = readCommandLine(raw)
  if (written.form === 'exec' && written.args.length === 0) {
    throw problem('TSB_DOCKERFILE_ARGUMENTS', '`RUN []` runs nothing', raw.span, 'name a program: `RUN ["program", "argument"]`')
  }
  return { kind: 'run', raw, mounts, network, security, devices: flags.list('device'), ...withHeredocs(raw, written) }
}

function choose<T extends string>(raw: RawInstruction, flag: string, wanted: string, modes: readonly T[]): T {
  const found = modes.find((mode) => mode === wanted)
  if (found !== undefined) return found
  const hint = didYouMean(wanted, modes, `use ${modes.map((mode) => `\`${mode}\``).join(', ')}`)
  throw problem('TSB_DOCKERFILE_FLAG_INVALID', `there is no ${flag} mode \`${wanted}\``, raw.places.word(`--${flag}`), hint)
}

/**
 * A script that is nothing but a here-document goes to the shell as its argument, or as a file where it begins with `#!`;
 * others the shell reads itself.
 */
function withHeredocs(raw: RawInstruction, written: CommandLine): Pick<RunInstruction, 'command' | 'summary' | 'script'> {
  const first = raw.heredocs[0]
  if (first === undefined || written.form === 'exec') return { command: written, summary: undefined, script: undefined }
  if (readHeredoc(written.text) === undefined) {
    const bodies = raw.heredocs.map((heredoc) => `\n${heredoc.body}${heredoc.name}`).join('')
    return { command: { form: 'shell', text: written.text + bodies }, summary: undefined, script: undefined }
  }
  const { name } = first
  const content = first.chomp ? chompBody(first.body) : first.body
  const script = first.body.startsWith('#!') ? { name, content } : undefined
  const text = script === undefined ? content : `${SCRIPTS}/${name}`
  return { command: { form: 'shell', text }, summary: summarise(content), script }
}

function summarise(body: string): string {
  const lines = trim(body).split('\n')
  return `${trim(lines[0] ?? '')}${lines.length > 1 ? '...' : ''}`
}
