import { problem } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import { didYouMean } from '../suggest.ts'
import { type ArgInstruction, readArg } from './arg.ts'
import { type CmdInstruction, readCmd } from './cmd.ts'
import { type CopyInstruction, readAdd, readCopy } from './copy.ts'
import { type EntrypointInstruction, readEntrypoint } from './entrypoint.ts'
import { type EnvInstruction, readEnv } from './env.ts'
import { type ExposeInstruction, readExpose } from './expose.ts'
import { type FromInstruction, readFrom } from './from.ts'
import { type HealthcheckInstruction, readHealthcheck } from './healthcheck.ts'
import { type LabelInstruction, readLabel } from './label.ts'
import { type MaintainerInstruction, readMaintainer } from './maintainer.ts'
import { type OnbuildInstruction, readOnbuild } from './onbuild.ts'
import { type RunInstruction, readRun } from './run.ts'
import { readShell, type ShellInstruction } from './shell.ts'
import { readStopSignal, type StopSignalInstruction } from './stopsignal.ts'
import { readUser, type UserInstruction } from './user.ts'
import { readVolume, type VolumeInstruction } from './volume.ts'
import { readWorkdir, type WorkdirInstruction } from './workdir.ts'

/** What may stand in a stage after its FROM. */
export type StageInstruction =
  | ArgInstruction
  | CmdInstruction
  | CopyInstruction
  | EntrypointInstruction
  | EnvInstruction
  | ExposeInstruction
  | HealthcheckInstruction
  | LabelInstruction
  | MaintainerInstruction
  | OnbuildInstruction
  | RunInstruction
  | ShellInstruction
  | StopSignalInstruction
  | UserInstruction
  | VolumeInstruction
  | WorkdirInstruction

export type Instruction = FromInstruction | StageInstruction

const READERS: Readonly<Record<string, (raw: RawInstruction) => Instruction>> = {
  ADD: readAdd,
  ARG: readArg,
  CMD: readCmd,
  COPY: readCopy,
  ENTRYPOINT: readEntrypoint,
  ENV: readEnv,
  EXPOSE: readExpose,
  FROM: readFrom,
  HEALTHCHECK: readHealthcheck,
  LABEL: readLabel,
  MAINTAINER: readMaintainer,
  ONBUILD: readOnbuild,
  RUN: readRun,
  SHELL: readShell,
  STOPSIGNAL: readStopSignal,
  USER: readUser,
  VOLUME: readVolume,
  WORKDIR: readWorkdir,
}

/**
 * Understands one instruction by itself: its flags and the shape of its arguments, variables not yet expanded.
 * @throws TsbError `TSB_DOCKERFILE_UNKNOWN_INSTRUCTION`, and what the instruction's reader throws
 */
export function readInstruction(raw: RawInstruction): Instruction {
  const reader = Object.hasOwn(READERS, raw.name) ? READERS[raw.name] : undefined
  if (reader !== undefined) return reader(raw)
  const hint = didYouMean(raw.name, Object.keys(READERS), 'begin the line with an instruction like `RUN`, or with `#` for a comment')
  throw problem('TSB_DOCKERFILE_UNKNOWN_INSTRUCTION', `unknown instruction \`${raw.keyword}\``, raw.places.keyword(), hint)
}
