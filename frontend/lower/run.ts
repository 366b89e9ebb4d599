import type { RunInstruction } from '../instructions/run.ts'
import { displayRunText } from './names.ts'
import { addHistory, commandArgs, type LowerContext, type StageState } from './state.ts'

/** RUN: one process in a container on the stage's result. */
export function lowerRun(instruction: RunInstruction, state: StageState, context: LowerContext): void {
  const { raw, summary } = instruction
  const args = commandArgs(state, instruction.command)
  const text = summary === undefined ? raw.text : `${raw.text} (${summary})`
  state.vertex = context.graph.add({
    op: {
      kind: 'run',
      args,
      env: [...state.variables].map(([name, value]) => `${name}=${value}`),
      proxyEnv: context.proxyEnv,
      cwd: state.config.WorkingDir === undefined || state.config.WorkingDir === '' ? '/' : state.config.WorkingDir,
      user: state.config.User ?? '',
      network: instruction.network,
      security: 'sandbox',
      mounts: [],
    },
    inputs: [state.vertex],
    name: state.names.next(displayRunText({ text, escape: raw.escape }, state.variables)),
    stage: state.id,
    span: raw.span,
    ignoreCache: context.request.noCache,
  })
  addHistory(state, `RUN ${[...declared(state), ...args].join(' ')} # buildkit`, true)
}

/** `|2 a=1 b=`: the ARGs in scope, each once, in the order of first declaration, with what they are now. */
function declared(state: StageState): readonly string[] {
  const names = new Map<string, string>()
  for (const { name, value } of state.args) names.set(name, `${name}=${state.variables.get(name) ?? value ?? ''}`)
  return names.size === 0 ? [] : [`|${names.size}`, ...names.values()]
}
