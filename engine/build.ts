import { rm, writeFile } from 'node:fs/promises'
import type { Digest } from '../core/digest.ts'
import { interrupted, TsbError, toTsbError } from '../core/error.ts'
import type { OnEvent } from '../core/event.ts'
import type { BuildPlan } from '../core/image-plan.ts'
import { hostPlatform, type Platform, parsePlatform } from '../core/platform.ts'
import { parseReference } from '../core/reference.ts'
import type { IgnoreFile } from '../frontend/index.ts'
import type { ContextDirectory } from '../snapshotter/context.ts'
import type { Snapshot } from '../snapshotter/snapshot.ts'
import { solve } from '../solver/solve.ts'
import { assembleImage, type BuiltImage, storeImage } from './assemble.ts'
import { type BuildFiles, readBuildFiles } from './build-files.ts'
import type { ExplainMissing } from './drivers/file.ts'
import { createDrivers } from './drivers/index.ts'
import { rootOf, type StepResult } from './drivers/result.ts'
import { type DiffIds, diffIdsOf } from './early-diff-ids.ts'
import { storeLedger } from './ledger.ts'
import { metadataTaskName, resolveImage } from './resolve.ts'
import type { Session } from './session.ts'
import { type RunTask, taskRunner } from './tasks.ts'
import type { BuildOptions, BuildResult } from './types.ts'

/**
 * The story of one build: read, compile, solve, assemble, export.
 * @throws TsbError; afterwards nothing of the build is left but finished results in the store
 */
export async function build(session: Session, options: BuildOptions, onEvent: OnEvent, signal: AbortSignal): Promise<BuildResult> {
  const { effects } = session
  onEvent({ kind: 'build-started', time: effects.now(), tags: options.tags })
  try {
    const image = await buildAndExport(session, options, onEvent, signal)
    onEvent({ kind: 'build-done', time: effects.now(), ...(image === undefined ? {} : { image }) })
    return { containersStarted: session.containersStarted(), ...(image === undefined ? {} : { image }) }
  } catch (error) {
    const failure = signal.aborted ? interrupted() : toTsbError(error)
    onEvent({ kind: 'build-done', time: effects.now(), error: failure.message })
    throw failure
  }
}

async function buildAndExport(session: Session, options: BuildOptions, onEvent: OnEvent, signal: AbortSignal): Promise<Digest | undefined> {
  const runTask = taskRunner(session.effects, onEvent)
  checkNames(options)
  // As buildx does: after a failure there must be no file of an earlier build that says otherwise.
  if (options.iidFile !== undefined) await rm(options.iidFile, { force: true }).catch(() => undefined)
  const files = await runTask('[internal] load build definition', () => readBuildFiles(options.context, options.file))
  const { plan, ignore } = await compilePlan(session, options, files, runTask, signal)
  for (const diagnostic of plan.diagnostics) onEvent({ kind: 'diagnostic', time: session.effects.now(), diagnostic })
  const steps = plan.graph.vertices.map((vertex) => ({ step: vertex.id, name: vertex.name }))
  onEvent({ kind: 'graph', time: session.effects.now(), steps })

  const context: ContextDirectory = { root: files.context, rules: ignore?.rules ?? [] }
  const diffIds = diffIdsOf(session, plan.graph, signal)
  const results = await solve<StepResult>({
    graph: plan.graph,
    drivers: createDrivers(session, new Map([['context', context]]), await explainMissing(ignore)),
    ledger: storeLedger(session),
    effects: session.effects,
    onEvent,
    signal,
    ...(wantsImage(options) ? { onResult: diffIds.onResult } : {}),
  })
  const output = results.get(plan.graph.output)
  const snapshot = rootOf(output === undefined ? [] : [output])
  return finish(session, options, plan, snapshot, diffIds, runTask, signal)
}

/** A slip in a name must not show after the work is done. @throws TsbError `TSB_REFERENCE_INVALID`, `TSB_USAGE_OUTPUT` */
function checkNames({ tags, outputs }: BuildOptions): void {
  for (const tag of tags) parseReference(tag)
  const pushesNothing = outputs.some((output) => output.type === 'image' && output.push && output.names.length + tags.length === 0)
  if (pushesNothing)
    throw new TsbError('TSB_USAGE_OUTPUT', 'an image without a name cannot be pushed', { fault: 'usage', hint: 'name it with `-t`' })
}

async function finish(
  session: Session,
  options: BuildOptions,
  plan: BuildPlan,
  snapshot: Snapshot,
  diffIds: DiffIds,
  runTask: RunTask,
  signal: AbortSignal,
): Promise<Digest | undefined> {
  const image: BuiltImage | undefined = wantsImage(options)
    ? await runTask('exporting to image', async () => {
        const assembled = await assembleImage(session, plan.image, snapshot, diffIds)
        await session.store.publisher.flush()
        storeImage(session, assembled, options.tags)
        if (options.iidFile !== undefined) await writeIdFile(options.iidFile, assembled.id)
        return assembled
      })
    : undefined
  await session.store.publisher.flush()
  if (options.outputs.length === 0) return image?.id
  const { exportResult } = await import('./output.ts')
  for (const output of options.outputs) await exportResult(session, output, snapshot, image, options, runTask, signal)
  return image?.id
}

/** Buildx's image ID file: the digest, no newline. @throws TsbError `TSB_EXPORT_WRITE` */
async function writeIdFile(path: string, image: Digest): Promise<void> {
  try {
    await writeFile(path, image)
  } catch (error) {
    const { exportError } = await import('../exporter/archive-entries.ts')
    throw exportError(error)
  }
}

/** Only the plain trees need no image: everything else has a config and layers with diffIDs. */
function wantsImage(options: BuildOptions): boolean {
  const { outputs, tags, iidFile } = options
  const onlyTrees = outputs.length > 0 && outputs.every((output) => output.type === 'tar' || output.type === 'local')
  return !onlyTrees || tags.length > 0 || iidFile !== undefined
}

interface Compiled {
  readonly plan: BuildPlan
  readonly ignore?: IgnoreFile
}

async function compilePlan(
  session: Session,
  options: BuildOptions,
  files: BuildFiles,
  runTask: RunTask,
  signal: AbortSignal,
): Promise<Compiled> {
  const { compile, parseIgnore } = await import('../frontend/index.ts')
  const platform = options.platform === undefined ? hostPlatform() : parsePlatform(options.platform)
  const ignore = files.ignore === undefined ? undefined : parseIgnore(files.ignore)
  const plan = await compile(
    {
      dockerfile: files.dockerfile,
      platform,
      buildPlatform: hostPlatform(),
      buildArgs: buildArgs(session, options),
      labels: options.labels,
      noCache: options.noCache,
      ...(options.target === undefined ? {} : { target: options.target }),
      ignore,
    },
    (reference: string, wanted: Platform) =>
      runTask(metadataTaskName(reference, wanted), () => resolveImage(session, reference, wanted, options.pull, signal)),
  )
  return { plan, ...(ignore === undefined ? {} : { ignore }) }
}

/** Values without `=` come from the environment, and so does SOURCE_DATE_EPOCH, as with buildx. */
function buildArgs(session: Session, options: BuildOptions): ReadonlyMap<string, string> {
  const args = new Map<string, string>()
  const epoch = session.env['SOURCE_DATE_EPOCH']
  if (epoch !== undefined && epoch !== '') args.set('SOURCE_DATE_EPOCH', epoch)
  for (const [name, value] of options.buildArgs) {
    const chosen = value ?? session.env[name]
    if (chosen !== undefined) args.set(name, chosen)
  }
  return args
}

async function explainMissing(ignore: IgnoreFile | undefined): Promise<ExplainMissing> {
  const { ignoredBy } = await import('../frontend/index.ts')
  return (source, path) => {
    const rule = source.kind === 'directory' && ignore !== undefined ? ignoredBy(ignore, path.slice(1)) : undefined
    return rule === undefined
      ? undefined
      : `\`${rule.pattern}\` on line ${rule.line} of \`${ignore?.file.name}\` excludes it: add \`!${path.slice(1)}\` below`
  }
}
