import type { BuildPlan, ImagePlan } from '../../core/image-plan.ts'
import type { StageInstruction } from '../instructions/index.ts'
import type { Checks } from '../lint/checks.ts'
import { checkBasePlatform } from '../lint/invalid-base-image-platform.ts'
import type { Problems } from '../problems.ts'
import type { Program, Stage } from '../program.ts'
import { proxyVariables } from '../scope.ts'
import type { ResolvedStage } from '../stages/resolve.ts'
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
import { copyDraft, finishDraft } from './draft.ts'
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
  /** Seconds since 1970: the time of all that the build makes. */
  readonly epoch: number | undefined
}

/** What comes of it. */
export interface Lowered {
  readonly plan: Omit<BuildPlan, 'diagnostics'>
  /** What each stage became, by index. */
  readonly states: ReadonlyMap<number, StageState>
}

/**
 * Turns the resolved stages into vertices and an image config with history as BuildKit's dockerfile2llb would.
 * Problems go to `problems`; the plan is only good when there are none.
 */
export function lowerStages(input: LowerInput, problems: Problems, checks: Checks): Lowered {
  const { resolved, target, request, globals, epoch } = input
  const results = new Map<number, StageState>()
  const graph = new GraphBuilder()
  const proxyEnv = proxyVariables(request.buildArgs)
  const context: LowerContext = { request, globals, epoch, graph, problems, checks, results, proxyEnv }
  const stageCount = input.program.stages.length + (usesImages(resolved) ? 1 : 0)
  // Stages only depend on earlier ones.
  const stages = [...resolved.values()].sort((a, b) => a.stage.index - b.stage.index)
  for (const { stage, base } of stages) checkBase(stage, base, checks)
  for (const stage of stages) {
    const state = beginStage(stage, stageCount, context)
    results.set(stage.stage.index, state)
    for (const instruction of stage.instructions) {
      problems.attempt(instruction.raw.span, () => lower(instruction, state, context))
    }
  }
  const final = results.get(target.index) as StageState
  return { plan: { graph: graph.finish(final.vertex), image: imagePlan(final, request, epoch) }, states: results }
}

/** BuildKit counts an image, or a context, that something is copied from as a stage: the only stage of the file has a name then. */
function usesImages(resolved: ReadonlyMap<number, ResolvedStage>): boolean {
  return [...resolved.values()].some(({ sources }) => [...sources.values()].some(({ kind }) => kind !== 'stage'))
}

type Lower<I extends StageInstruction> = (instruction: I, state: StageState, context: LowerContext) => void

const LOWER: { readonly [K in StageInstruction['kind']]: Lower<Extract<StageInstruction, { kind: K }>> } = {
  arg: lowerArg,
  cmd: lowerCmd,
  copy: lowerCopy,
  entrypoint: lowerEntrypoint,
  env: lowerEnv,
  expose: lowerExpose,
  healthcheck: lowerHealthcheck,
  label: lowerLabel,
  maintainer: lowerMaintainer,
  onbuild: lowerOnbuild,
  run: lowerRun,
  shell: lowerShell,
  stopsignal: lowerStopSignal,
  user: lowerUser,
  volume: lowerVolume,
  workdir: lowerWorkdir,
}

function lower(instruction: StageInstruction, state: StageState, context: LowerContext): void {
  const step = LOWER[instruction.kind] as Lower<StageInstruction>
  step(instruction, state, context)
}

function checkBase({ from }: Stage, base: ResolvedStage['base'], checks: Checks): void {
  if (base.kind !== 'image' || base.image.config.rootfs.diff_ids.length === 0) return
  checkBasePlatform(from.raw, base.name, base.image.config, base.platform, checks)
}

function imagePlan(state: StageState, request: CompileRequest, epoch: number | undefined): ImagePlan {
  const config = copyDraft(state.config)
  for (const [name, value] of request.labels) config.labels.set(name, value)
  return {
    platform: state.platform,
    config: finishDraft(config),
    history: state.history,
    ...(epoch === undefined ? {} : { epoch }),
    ...(state.base === undefined ? {} : { base: state.base }),
    ...(state.author === undefined ? {} : { author: state.author }),
  }
}
