import type { BuildPlan, ImagePlan } from '../../core/image-plan.ts'
import type { ContainerConfig } from '../../core/manifest.ts'
import type { StageInstruction } from '../instructions/index.ts'
import type { Problems } from '../problems.ts'
import type { ResolvedStage } from '../resolve.ts'
import { proxyVariables } from '../scope.ts'
import type { Program, Stage } from '../stages.ts'
import type { CompileRequest } from '../types.ts'
import {
  lowerCmd,
  lowerEntrypoint,
  lowerHealthcheck,
  lowerLabel,
  lowerMaintainer,
  lowerOnbuild,
  lowerShell,
  lowerStopSignal,
  lowerUser,
  lowerVolume,
} from './config.ts'
import { lowerCopy } from './copy.ts'
import { lowerArg, lowerEnv } from './env.ts'
import { lowerExpose } from './expose.ts'
import { GraphBuilder } from './graph.ts'
import { lowerRun } from './run.ts'
import { beginStage } from './stage.ts'
import type { LowerContext, StageState } from './state.ts'
import { lowerWorkdir } from './workdir.ts'

/** What stages are lowered from: the file, and what `resolveStages` found. */
export interface LowerInput {
  readonly program: Program
  readonly target: Stage
  readonly resolved: ReadonlyMap<number, ResolvedStage>
  readonly globals: ReadonlyMap<string, string>
  readonly request: CompileRequest
}

/**
 * Turns the resolved stages into vertices and an image config with history as BuildKit's dockerfile2llb would.
 * Problems go to `problems`; the plan is only good when there are none.
 */
export function lowerStages(input: LowerInput, problems: Problems): Omit<BuildPlan, 'diagnostics'> {
  const { resolved, target, request, globals } = input
  const results = new Map<number, StageState>()
  const graph = new GraphBuilder()
  const context: LowerContext = { request, globals, graph, problems, results, proxyEnv: proxyVariables(request.buildArgs) }
  // Stages only depend on earlier ones.
  for (const index of [...resolved.keys()].sort((a, b) => a - b)) {
    const stage = resolved.get(index) as ResolvedStage
    const state = beginStage(stage, input.program.stages.length, context)
    results.set(index, state)
    for (const instruction of [...stage.triggers, ...stage.stage.instructions]) {
      problems.attempt(instruction.raw.span, () => lower(instruction, state, context))
    }
  }
  const final = results.get(target.index) as StageState
  return { graph: graph.finish(final.vertex), image: imagePlan(final, request) }
}

function lower(instruction: StageInstruction, state: StageState, context: LowerContext): void {
  switch (instruction.kind) {
    case 'arg':
      return lowerArg(instruction, state, context)
    case 'cmd':
      return lowerCmd(instruction, state)
    case 'copy':
      return lowerCopy(instruction, state, context)
    case 'entrypoint':
      return lowerEntrypoint(instruction, state)
    case 'env':
      return lowerEnv(instruction, state, context)
    case 'expose':
      return lowerExpose(instruction, state, context)
    case 'healthcheck':
      return lowerHealthcheck(instruction, state)
    case 'label':
      return lowerLabel(instruction, state, context)
    case 'maintainer':
      return lowerMaintainer(instruction, state)
    case 'onbuild':
      return lowerOnbuild(instruction, state)
    case 'run':
      return lowerRun(instruction, state, context)
    case 'shell':
      return lowerShell(instruction, state)
    case 'stopsignal':
      return lowerStopSignal(instruction, state, context)
    case 'user':
      return lowerUser(instruction, state, context)
    case 'volume':
      return lowerVolume(instruction, state, context)
    case 'workdir':
      return lowerWorkdir(instruction, state, context)
  }
}

function imagePlan(state: StageState, request: CompileRequest): ImagePlan {
  const config = { ...state.config }
  if (request.labels.length > 0) config.Labels = { ...config.Labels, ...Object.fromEntries(request.labels) }
  return {
    platform: state.platform,
    config: withoutEmpty(config),
    history: state.history,
    ...(state.base === undefined ? {} : { base: state.base }),
    ...(state.author === undefined ? {} : { author: state.author }),
  }
}

/** Docker leaves empty fields out. */
function withoutEmpty(config: ContainerConfig): ContainerConfig {
  const kept = Object.entries(config).filter(([, value]) => {
    if (value === null || value === undefined || value === '' || value === false) return false
    return typeof value !== 'object' || Object.keys(value).length > 0
  })
  return Object.fromEntries(kept)
}
