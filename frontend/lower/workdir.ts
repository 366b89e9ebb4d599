import { posix } from 'node:path'
import type { WorkdirInstruction } from '../instructions/workdir.ts'
import { workdirRelativePath } from '../lint/workdir-relative-path.ts'
import { displayText, shownVariables } from './names.ts'
import { addHistory, expandIn, ignoresCache, type LowerContext, type StageState } from './state.ts'

/** WORKDIR: the config's directory, made by the stage's user where it is missing. An absolute one stands as written, as in Docker. */
export function lowerWorkdir(instruction: WorkdirInstruction, state: StageState, context: LowerContext): void {
  const { raw } = instruction
  const written = expandIn(state, context, raw, instruction.path).text
  if (!state.workdirSet && !written.startsWith('/')) workdirRelativePath(raw, written, context.checks)
  state.workdirSet = true
  const path = written.startsWith('/') ? written : posix.resolve('/', state.config.fields.WorkingDir ?? '/', written)
  state.config.fields.WorkingDir = path
  const layer = path !== '/'
  const time = context.epoch === undefined ? {} : { time: context.epoch }
  if (layer) {
    const name = state.names.next(displayText(raw, shownVariables(state.variables, context.request.buildArgs)))
    state.vertex = context.graph.add({
      op: {
        kind: 'file',
        actions: [{ kind: 'make-directory', path: posix.resolve(path), mode: 0o755, owner: state.config.fields.User ?? '', ...time }],
      },
      inputs: [state.vertex],
      name,
      text: raw.text,
      stage: state.id,
      span: raw.span,
      ignoreCache: ignoresCache(state, context, 'workdir'),
    })
  } else state.names.skip()
  addHistory(state, `WORKDIR ${path}`, layer)
}
