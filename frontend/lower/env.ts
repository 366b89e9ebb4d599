import type { ArgInstruction } from '../instructions/arg.ts'
import type { EnvInstruction } from '../instructions/env.ts'
import { legacyKeyValueFormat } from '../lint/legacy-key-value-format.ts'
import { checkSecretName } from '../lint/secrets-used-in-arg-or-env.ts'
import { addHistory, expandIn, type LowerContext, type StageState, setVariable } from './state.ts'

/** ENV: into the config and what later steps see. All values see the environment from before the instruction. */
export function lowerEnv(instruction: EnvInstruction, state: StageState, context: LowerContext): void {
  const { raw } = instruction
  const pairs = instruction.pairs.map(
    ([name, value]) => [expandIn(state, context, raw, name).text, expandIn(state, context, raw, value).text] as const,
  )
  if (instruction.legacy) legacyKeyValueFormat(raw, context.checks)
  for (const [name, value] of pairs) {
    checkSecretName(raw, name, context.checks)
    setVariable(state, name, value)
    state.config.env.set(name, value)
  }
  addHistory(state, `ENV ${pairs.map(([name, value]) => `${name}=${value}`).join(' ')}`, false)
}

/** ARG: a build argument, else the default, else what a global ARG has. Values see the ARGs before them in the line; names are taken as written. */
export function lowerArg(instruction: ArgInstruction, state: StageState, context: LowerContext): void {
  const { raw } = instruction
  const texts = instruction.args.map((arg) => {
    const { name } = arg
    checkSecretName(raw, name, context.checks)
    const given = context.request.buildArgs.get(name)
    const value = given ?? (arg.value === undefined ? context.globals.get(name) : expandIn(state, context, raw, arg.value).text)
    if (value !== undefined) setVariable(state, name, value)
    const isGlobal = given === undefined && arg.value === undefined && context.globals.has(name)
    state.args.push({ name, value, raw, isGlobal })
    return value === undefined ? name : `${name}=${value}`
  })
  addHistory(state, `ARG ${texts.join(' ')}`, false)
}
