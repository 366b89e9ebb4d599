import { posix } from 'node:path'
import type { RunMount } from '../../core/mount.ts'
import { hideCredentials } from '../../core/url.ts'
import { refuse } from '../flags.ts'
import type { RunInstruction } from '../instructions/run.ts'
import { problem } from '../problems.ts'
import { lowerMounts } from './mounts.ts'
import { displayRunText, shownVariables } from './names.ts'
import { addHistory, commandArgs, ignoresCache, type LowerContext, type StageState } from './state.ts'

/** RUN: one process in a container on the stage's result. */
export function lowerRun(instruction: RunInstruction, state: StageState, context: LowerContext): void {
  const { raw, summary, network, security } = instruction
  if (instruction.devices.length > 0) refuse(raw, '`RUN --device`', '--device', 'leave the device out')
  const { mounts, inputs, sshSocket } = lowerMounts(instruction, state, context)
  const socket = sshSocket === undefined || state.variables.has('SSH_AUTH_SOCK') ? [] : [`SSH_AUTH_SOCK=${sshSocket}`]
  const args = commandArgs(state, instruction.command)
  const env = [...state.entries.values(), ...socket]
  if ([...args, ...env].some((text) => text.includes('\0'))) {
    const message = 'a NUL character stands in the command or a variable, which no program can be given'
    throw problem('TSB_DOCKERFILE_ARGUMENTS', message, raw.span, 'take it out')
  }
  const text = summary === undefined ? raw.text : `${raw.text} (${summary})`
  const name = state.names.next(
    displayRunText({ text, escape: raw.escape }, masked(shownVariables(state.variables, context.request.buildArgs), mounts)),
  )
  state.vertex = context.graph.add({
    op: {
      kind: 'run',
      args,
      env,
      argNames: [...state.entries.keys()].filter((name) => !state.config.env.has(name)),
      proxyEnv: context.proxyEnv,
      cwd: posix.resolve('/', state.config.fields.WorkingDir ?? '/'),
      user: state.config.fields.User ?? '',
      network,
      security,
      mounts,
    },
    inputs: [state.vertex, ...inputs],
    name,
    text: hideCredentials(raw.text),
    stage: state.id,
    span: raw.span,
    ignoreCache: ignoresCache(state, context, 'run'),
  })
  addHistory(state, `RUN ${[...declared(state), ...args].join(' ')} # buildkit`, true)
}

/** `|2 a=1 b=`: the ARGs in scope, each once, in the order of first declaration, with what they are now. */
function declared(state: StageState): readonly string[] {
  const names = new Map<string, string>()
  for (const { name, value } of state.args) names.set(name, `${name}=${state.variables.get(name) ?? value ?? ''}`)
  return names.size === 0 ? [] : [`|${names.size}`, ...names.values()]
}

/** What the step's name may show: not what a secret sets. */
function masked(variables: ReadonlyMap<string, string>, mounts: readonly RunMount[]): ReadonlyMap<string, string> {
  const names = mounts.flatMap((mount) => (mount.kind === 'secret' && mount.env !== undefined ? [mount.env] : []))
  return names.length === 0 ? variables : new Map([...variables, ...names.map((name) => [name, '****'] as const)])
}
