import type { Span } from '../../core/span.ts'
import { problem } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import { readJsonStrings } from '../split.ts'

/** What every instruction has. */
export interface Located {
  readonly raw: RawInstruction
}

/** A place in an instruction that names a stage, an image or a context to take files from: `--from`, or a mount's `from`. */
export interface SourceRef {
  readonly name: string
  /** What is done with it, for messages. */
  readonly use: 'copy' | 'mount'
  readonly span: () => Span
}

/** A command line: as the shell gets it, or as the kernel does. */
export type CommandLine = { readonly form: 'shell'; readonly text: string } | { readonly form: 'exec'; readonly args: readonly string[] }

/** The rest as JSON array or as text for the shell. @throws TsbError `TSB_DOCKERFILE_JSON` */
export function readCommandLine(raw: RawInstruction): CommandLine {
  const args = readJsonStrings(raw.rest)
  return args === undefined ? { form: 'shell', text: raw.rest } : { form: 'exec', args }
}

/** The rest as one text that must not be empty. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS` */
export function readOne(raw: RawInstruction): string {
  if (raw.rest === '') throw missing(raw)
  return raw.rest
}

/** `raw` lacks arguments. */
export function missing(raw: RawInstruction): ReturnType<typeof problem> {
  return problem('TSB_DOCKERFILE_ARGUMENTS', `\`${raw.name}\` needs an argument`, raw.span, `write \`${EXAMPLES[raw.name] ?? raw.name}\``)
}

const EXAMPLES: Readonly<Record<string, string>> = {
  ARG: 'ARG NAME=value',
  ENV: 'ENV NAME=value',
  EXPOSE: 'EXPOSE 80/tcp',
  FROM: 'FROM image AS name',
  HEALTHCHECK: 'HEALTHCHECK CMD command',
  LABEL: 'LABEL name=value',
  MAINTAINER: 'LABEL org.opencontainers.image.authors=name',
  ONBUILD: 'ONBUILD RUN command',
  RUN: 'RUN command',
  SHELL: 'SHELL ["/bin/sh", "-c"]',
  STOPSIGNAL: 'STOPSIGNAL SIGTERM',
  USER: 'USER name',
  VOLUME: 'VOLUME /path',
  WORKDIR: 'WORKDIR /path',
}
