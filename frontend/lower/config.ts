import { formatDuration } from '../duration.ts'
import type { CmdInstruction } from '../instructions/cmd.ts'
import type { EntrypointInstruction } from '../instructions/entrypoint.ts'
import type { HealthcheckInstruction } from '../instructions/healthcheck.ts'
import type { LabelInstruction } from '../instructions/label.ts'
import type { MaintainerInstruction } from '../instructions/maintainer.ts'
import type { OnbuildInstruction } from '../instructions/onbuild.ts'
import type { ShellInstruction } from '../instructions/shell.ts'
import type { StopSignalInstruction } from '../instructions/stopsignal.ts'
import type { UserInstruction } from '../instructions/user.ts'
import type { VolumeInstruction } from '../instructions/volume.ts'
import { jsonArgsRecommended } from '../lint/json-args-recommended.ts'
import { legacyKeyValueFormat } from '../lint/legacy-key-value-format.ts'
import { multipleInstructionsDisallowed } from '../lint/multiple-instructions-disallowed.ts'
import { problem } from '../problems.ts'
import { isSignal } from '../signals.ts'
import type { RawInstruction } from '../source.ts'
import { goQuoteCode, goQuoteList } from './go-print.ts'
import { addHistory, commandArgs, expandIn, type LowerContext, type StageState } from './state.ts'

/** CMD. Docker marks its arguments as already escaped, whatever their form. */
export function lowerCmd(instruction: CmdInstruction, state: StageState, context: LowerContext): void {
  checkCommand(instruction, state, context)
  const args = commandArgs(state, instruction.command)
  state.config.fields.Cmd = args
  state.config.fields.ArgsEscaped = true
  state.cmdSet = true
  addHistory(state, `CMD ${goQuoteList(args)}`, false)
}

/** ENTRYPOINT: a command that comes from the base does not fit another program and goes. */
export function lowerEntrypoint(instruction: EntrypointInstruction, state: StageState, context: LowerContext): void {
  checkCommand(instruction, state, context)
  const args = commandArgs(state, instruction.command)
  state.config.fields.Entrypoint = args
  if (!state.cmdSet) delete state.config.fields.Cmd
  addHistory(state, `ENTRYPOINT ${goQuoteList(args)}`, false)
}

export function lowerLabel(instruction: LabelInstruction, state: StageState, context: LowerContext): void {
  const { raw } = instruction
  const pairs = instruction.pairs.map(
    ([name, value]) => [expandIn(state, context, raw, name).text, expandIn(state, context, raw, value).text] as const,
  )
  if (instruction.legacy) legacyKeyValueFormat(raw, context.checks)
  for (const [name, value] of pairs) state.config.labels.set(name, value)
  addHistory(state, `LABEL ${pairs.map(([name, value]) => `${name}=${value}`).join(' ')}`, false)
}

export function lowerUser(instruction: UserInstruction, state: StageState, context: LowerContext): void {
  const user = expandIn(state, context, instruction.raw, instruction.user).text
  state.config.fields.User = user
  addHistory(state, `USER ${user}`, false)
}

export function lowerVolume(instruction: VolumeInstruction, state: StageState, context: LowerContext): void {
  const { raw } = instruction
  const paths = instruction.paths.map((path) => expandIn(state, context, raw, path).text)
  if (paths.includes('')) throw problem('TSB_DOCKERFILE_ARGUMENTS', 'a volume needs a path', raw.span, 'give the variable a value')
  for (const path of paths) state.config.volumes.add(path)
  addHistory(state, `VOLUME [${paths.join(' ')}]`, false)
}

/** STOPSIGNAL. @throws TsbError `TSB_DOCKERFILE_SIGNAL` */
export function lowerStopSignal(instruction: StopSignalInstruction, state: StageState, context: LowerContext): void {
  const { raw } = instruction
  const signal = expandIn(state, context, raw, instruction.signal).text
  if (!isSignal(signal))
    throw problem('TSB_DOCKERFILE_SIGNAL', `\`${signal}\` is not a signal`, raw.span, 'write a name like `SIGTERM`, or a number')
  state.config.fields.StopSignal = signal
  addHistory(state, `STOPSIGNAL ${signal}`, false)
}

export function lowerShell(instruction: ShellInstruction, state: StageState): void {
  state.config.fields.Shell = instruction.shell
  addHistory(state, `SHELL [${instruction.shell.join(' ')}]`, false)
}

/** HEALTHCHECK. History has the structure as Go's `%q` prints it. */
export function lowerHealthcheck(instruction: HealthcheckInstruction, state: StageState, context: LowerContext): void {
  checkSingle(instruction.raw, state, context)
  const { check } = instruction
  state.config.fields.Healthcheck = check
  const times = [check.Interval, check.Timeout, check.StartPeriod, check.StartInterval].map((time) => `"${formatDuration(time ?? 0)}"`)
  addHistory(state, `HEALTHCHECK &{${[goQuoteList(check.Test), ...times, goQuoteCode(check.Retries ?? 0)].join(' ')}}`, false)
}

/** ONBUILD: stored; has no history. */
export function lowerOnbuild(instruction: OnbuildInstruction, state: StageState): void {
  state.config.onbuild.push(instruction.trigger)
}

export function lowerMaintainer(instruction: MaintainerInstruction, state: StageState): void {
  state.author = instruction.author
  addHistory(state, `MAINTAINER ${instruction.author}`, false)
}

function checkCommand({ raw, command }: CmdInstruction | EntrypointInstruction, state: StageState, context: LowerContext): void {
  checkSingle(raw, state, context)
  if (command.form === 'shell' && (state.config.fields.Shell ?? []).length === 0) jsonArgsRecommended(raw, context.checks)
}

/** Only the last of its kind in a stage has an effect. */
function checkSingle(raw: RawInstruction, state: StageState, context: LowerContext): void {
  const earlier = state.single.get(raw.name)
  if (earlier !== undefined) multipleInstructionsDisallowed(earlier, raw, context.checks)
  state.single.set(raw.name, raw)
}
