import { readFlags, refuse } from '../flags.ts'
import { chompBody, readHeredoc } from '../heredoc.ts'
import { problem } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import { type CommandLine, type Located, readCommandLine } from './common.ts'

export interface RunInstruction extends Located {
  readonly kind: 'run'
  readonly command: CommandLine
  readonly network: 'default' | 'none' | 'host'
  /** First line of a script given as here-document, for the step's name. */
  readonly summary: string | undefined
}

const NETWORKS = ['default', 'none', 'host'] as const

/** `RUN [--network=N] command`. @throws TsbError `TSB_DOCKERFILE_FLAG_INVALID`, `TSB_DOCKERFILE_UNSUPPORTED`, `TSB_DOCKERFILE_ARGUMENTS` */
export function readRun(raw: RawInstruction): RunInstruction {
  const flags = readFlags(raw, { mount: 'list', network: 'text', security: 'text', device: 'list' })
  if (flags.list('mount').length > 0) refuse(raw, '`RUN --mount`', '--mount', 'copy the files with `COPY`, or leave the mount out')
  if (flags.list('device').length > 0) refuse(raw, '`RUN --device`', '--device', 'leave the device out')
  const security = flags.text('security') ?? 'sandbox'
  if (security === 'insecure') refuse(raw, '`RUN --security=insecure`', '--security', 'leave the flag out')
  if (security !== 'sandbox')
    throw problem(
      'TSB_DOCKERFILE_FLAG_INVALID',
      `there is no security mode \`${security}\``,
      raw.places.word('--security'),
      'write `--security=sandbox`',
    )
  const wanted = flags.text('network') ?? 'default'
  const network = NETWORKS.find((name) => name === wanted)
  if (network === undefined) {
    throw problem(
      'TSB_DOCKERFILE_FLAG_INVALID',
      `there is no network mode \`${wanted}\``,
      raw.places.word('--network'),
      'use `default`, `none` or `host`',
    )
  }
  const written = readCommandLine(raw)
  if (written.form === 'exec' && written.args.length === 0) {
    throw problem('TSB_DOCKERFILE_ARGUMENTS', '`RUN []` runs nothing', raw.span, 'name a program: `RUN ["program", "argument"]`')
  }
  return { kind: 'run', raw, network, ...withHeredocs(raw, written) }
}

/** A script that is nothing but a here-document goes to the shell as its argument; others the shell reads itself. */
function withHeredocs(raw: RawInstruction, written: CommandLine): Pick<RunInstruction, 'command' | 'summary'> {
  const first = raw.heredocs[0]
  if (first === undefined || written.form === 'exec') return { command: written, summary: undefined }
  if (readHeredoc(written.text) === undefined) {
    const bodies = raw.heredocs.map((heredoc) => `\n${heredoc.body}${heredoc.name}`).join('')
    return { command: { form: 'shell', text: written.text + bodies }, summary: undefined }
  }
  if (first.body.startsWith('#!'))
    refuse(raw, 'a here-document with its own interpreter (`#!`)', '<<', 'name the interpreter: `RUN python3 <<EOF`')
  return { command: { form: 'shell', text: first.chomp ? chompBody(first.body) : first.body }, summary: summarise(first.body) }
}

function summarise(body: string): string {
  const lines = body.trim().split('\n')
  return `${(lines[0] ?? '').trim()}${lines.length > 1 ? '...' : ''}`
}
