import { posix } from 'node:path'
import type { ContainerConfig, ImageConfig } from '../../core/manifest.ts'
import type { CopyAction, Op } from '../../core/op.ts'
import type { Platform } from '../../core/platform.ts'
import { type Stage, stageId } from '../program.ts'
import type { Base, ResolvedStage } from '../stages/resolve.ts'
import { type ConfigDraft, copyDraft, draftOf, splitEntry } from './draft.ts'
import { StepNames } from './names.ts'
import { DEFAULT_PATH, type LowerContext, type StageState, setVariable } from './state.ts'

/** A stage after its FROM: on scratch, on an image, or on what an earlier stage became. */
export function beginStage(resolved: ResolvedStage, stageCount: number, context: LowerContext): StageState {
  const { stage, base, instructions, sources } = resolved
  const id = stageId(stage)
  const label = stageCount === 1 ? '' : stage.from.name === '' ? `stage-${stage.index}` : stage.from.name
  const steps = instructions.filter(({ kind }) => kind === 'copy' || kind === 'run' || kind === 'workdir').length
  const names = new StepNames(label, steps + (base.kind === 'image' || base.kind === 'files' ? 1 : 0))
  const start = base.kind === 'stage' ? inherit(base, context) : begin(base, stage, id, names, context)
  // The triggers have become instructions of this stage.
  start.config.onbuild.length = 0
  return { ...start, id, names, sources, cmdSet: false, single: new Map(), inheritedArgs: start.args.length, mounts: [] }
}

type Start = Omit<StageState, 'id' | 'names' | 'sources' | 'cmdSet' | 'single' | 'inheritedArgs' | 'mounts'>

function inherit(base: Extract<Base, { kind: 'stage' }>, context: LowerContext): Start {
  const parent = context.results.get(base.index) as StageState
  const { platform, vertex, author, workdirSet } = parent
  const variables = new Map(parent.variables)
  const entries = new Map(parent.entries)
  // The config's Env is applied anew, so it wins over an ARG that came after it in the parent.
  for (const entry of parent.config.env.entries) setVariable({ variables, entries }, ...splitEntry(entry))
  return {
    platform,
    vertex,
    author,
    workdirSet,
    base: parent.base,
    variables,
    entries,
    args: [...parent.args],
    config: copyDraft(parent.config),
    history: [...parent.history],
  }
}

function begin(base: Exclude<Base, { kind: 'stage' }>, stage: Stage, id: string, names: StepNames, context: LowerContext): Start {
  const image = base.kind === 'image' ? base.image.config : undefined
  const config = beginConfig(image)
  const variables = new Map<string, string>()
  const entries = new Map<string, string>()
  for (const entry of config.env.entries) setVariable({ variables, entries }, ...splitEntry(entry))
  return {
    platform: image === undefined ? base.platform : platformOf(image),
    vertex: baseVertex(base, stage, id, names, context),
    base: image,
    variables,
    entries,
    args: [],
    config,
    author: image?.author,
    workdirSet: false,
    history: [],
  }
}

function baseVertex(base: Exclude<Base, { kind: 'stage' }>, stage: Stage, id: string, names: StepNames, context: LowerContext): number {
  if (base.kind === 'scratch') return context.graph.scratch()
  if (base.kind === 'files') return filesRoot(base.name, stage, id, context)
  const { image, platform } = base
  const { raw } = stage.from
  const name = names.next(`FROM ${image.reference}`)
  // An image without layers is an empty root with a config.
  if (image.config.rootfs.diff_ids.length === 0) return context.graph.scratch()
  return context.graph.image(image, platform, () => ({ name, text: raw.text, stage: id, span: raw.span }))
}

/** A tree of the user's as a root. */
function filesRoot(name: string, stage: Stage, id: string, context: LowerContext): number {
  const action: CopyAction = { kind: 'copy', input: 1, sources: ['/'], destination: '/', unpack: false }
  const op: Op = { kind: 'file', actions: [action] }
  const inputs = [context.graph.scratch(), context.graph.files(name, ['/'])]
  return context.graph.add({ op, inputs, name: `[context ${name}] as the root of ${id}`, stage: id, span: stage.from.raw.span })
}

/**
 * The base's config as BuildKit takes it over: its known fields, a clean directory (entered twice, which shows where it is relative),
 * and always a PATH.
 */
function beginConfig(image: ImageConfig | undefined): ConfigDraft {
  const config = draftOf(image === undefined ? { WorkingDir: '/' } : knownFields(image.config ?? {}))
  if (!config.env.has('PATH')) config.env.set('PATH', DEFAULT_PATH)
  const { fields } = config
  if (image !== undefined && fields.WorkingDir) fields.WorkingDir = posix.resolve('/', fields.WorkingDir, fields.WorkingDir)
  return config
}

/** Leftovers of older builders (`Hostname`, `Image`, `AttachStdin`…) are dropped, as BuildKit does. */
function knownFields(config: ContainerConfig): ContainerConfig {
  const { User, ExposedPorts, Env, Entrypoint, Cmd, Healthcheck, Volumes, WorkingDir, Labels, StopSignal, Shell, OnBuild, ArgsEscaped } =
    config
  const known = {
    User,
    ExposedPorts,
    Env,
    Entrypoint,
    Cmd,
    Healthcheck,
    Volumes,
    WorkingDir,
    Labels,
    StopSignal,
    Shell,
    OnBuild,
    ArgsEscaped,
  }
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined && value !== null))
}

function platformOf(image: ImageConfig): Platform {
  const { os, architecture, variant } = image
  const osVersion = image['os.version']
  return { os, architecture, ...(variant === undefined ? {} : { variant }), ...(osVersion === undefined ? {} : { osVersion }) }
}
