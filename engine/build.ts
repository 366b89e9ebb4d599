import { rm, writeFile } from 'node:fs/promises'
import type { Digest } from '../core/digest.ts'
import { interrupted, TsbError, toTsbError } from '../core/error.ts'
import type { OnEvent } from '../core/event.ts'
import { neededVertices, type Vertex, type VertexId } from '../core/graph.ts'
import type { BuildPlan } from '../core/image-plan.ts'
import { parseReference } from '../core/reference.ts'
import type { Snapshot } from '../snapshotter/snapshot.ts'
import { solve } from '../solver/solve.ts'
import { assembleImage, type BuiltImage, type BuiltRoot, storeImage } from './assemble.ts'
import { presentBases } from './bases/present.ts'
import { unreadBase } from './bases/unread.ts'
import { type Building, contextHost } from './building.ts'
import { compileFiles } from './compile.ts'
import { openMainContext } from './contexts/main.ts'
import { namedContexts } from './contexts/named.ts'
import { unlessEvicted, withoutDone } from './disk/again.ts'
import { withinLimit } from './disk/limit.ts'
import { withRoom } from './disk/with-room.ts'
import { prepareRuns } from './drivers/ahead.ts'
import { createDrivers } from './drivers/index.ts'
import { rootOf, type StepResult } from './drivers/result.ts'
import { diffIdsOf } from './early-diff-ids.ts'
import { watchMisses } from './explain/watch.ts'
import { Recording } from './history/recording.ts'
import { storeLedger } from './ledger.ts'
import { checkAllowed, withNetwork } from './mounts/allow.ts'
import { pruneCaches } from './mounts/caches.ts'
import { openResources } from './mounts/resources.ts'
import type { FinishedBuild } from './outputs/export.ts'
import { isImageOutput, mainOutput } from './outputs/times.ts'
import type { Session } from './session.ts'
import { taskRunner } from './tasks.ts'
import type { BuildOptions, BuildResult } from './types.ts'

/**
 * The story of one build: read, compile, solve, assemble, export.
 * @throws TsbError; afterwards nothing of the build is left but finished results in the store
 */
export async function build(session: Session, options: BuildOptions, onEvent: OnEvent, signal: AbortSignal): Promise<BuildResult> {
  const { effects } = session
  const recording = new Recording(session, options)
  const tell: OnEvent = (event) => {
    recording.event(event)
    onEvent(event)
  }
  tell({ kind: 'build-started', time: effects.now(), tags: options.tags })
  try {
    const runTask = taskRunner(effects, tell)
    const ledger = storeLedger(session)
    const beforeCollection = (): void => {
      ledger.noteUse()
      session.store.pins.holdExpected()
    }
    const image = await withinLimit(session, { flag: options.maxDisk, beforeCollection }, signal, (signal) =>
      buildAndExport({ session, options, onEvent: tell, signal, runTask, ledger, recording }),
    )
    ledger.noteUse()
    const made = image === undefined ? {} : { image }
    tell({ kind: 'build-done', time: effects.now(), ...made })
    await recording.end(made)
    return { containersStarted: session.containersStarted(), ...made }
  } catch (error) {
    const failure = signal.aborted ? interrupted() : toTsbError(error)
    tell({ kind: 'build-done', time: effects.now(), error: failure.message })
    await recording.end({ error: failure })
    throw failure
  }
}

/** What the stages share, and what is kept of it all. */
interface RecordedBuilding extends Building {
  readonly recording: Recording
}

async function buildAndExport(building: RecordedBuilding): Promise<Digest | undefined> {
  const { session, options, runTask, recording } = building
  checkNames(options)
  const named = namedContexts(contextHost(building))
  await using resources = await openResources(session, options)
  // As buildx does: after a failure there must be no file of an earlier build that says otherwise.
  if (options.iidFile !== undefined) await rm(options.iidFile, { force: true }).catch(() => undefined)
  const main = await runTask('[internal] load build definition', (progress) =>
    openMainContext(contextHost(building), { signal: building.signal, progress }),
  )
  const done = new Set<VertexId>()
  return unlessEvicted(building.signal, async (isAgain) => {
    const compiled = await compileFiles(building, main, named)
    const plan = { ...compiled, graph: withoutDone(withNetwork(compiled.graph, options.network), done) }
    const unread = unreadBase(session, plan, options)
    const wanted = unread === undefined ? [plan.graph.output] : []
    if (!isAgain) announce(building, plan, wanted)
    checkAllowed(plan.graph, options)
    await pruneCaches(session, plan.graph)
    const diffIds = diffIdsOf(session, plan, options.outputs, building.signal)
    const misses = watchMisses(building, recording.project, plan.graph)
    const prepare = prepareRuns(session, plan.graph)
    const results = await solve<StepResult>({
      graph: plan.graph,
      wanted,
      drivers: withRoom(createDrivers(building, new Map([...named.sources, ['context', main.source]]), resources), session),
      ledger: building.ledger,
      effects: session.effects,
      onEvent: misses.onEvent,
      onMiss: (miss) => {
        prepare(miss)
        misses.onMiss(miss)
      },
      signal: building.signal,
      ...(options.maxParallel === undefined ? {} : { maxParallel: options.maxParallel }),
      onSolved: (solved) => {
        done.add(solved.vertex.id)
        recording.solved(solved)
      },
      onResult: (vertex, result) => {
        if (result.kind === 'root') session.store.pins.expect(newLayers(vertex, result.snapshot))
        if (wantsImage(options)) diffIds.onResult(vertex, result)
      },
    }).finally(() => misses.settle())
    const root = unread ?? (await presentRoot(building, results.get(plan.graph.output)))
    const built: BuiltRoot = { plan, results, diffIds, root }
    const image = wantsImage(options) ? await finishImage(building, built) : undefined
    await exportAll(building, { built, ...(image === undefined ? {} : { image }) })
    return image?.id
  })
}

/** Layers that no step before has brought: those below a step's own are its inputs'. */
function newLayers({ inputs }: Vertex, { layers }: Snapshot): readonly string[] {
  return inputs.length === 0 ? layers : layers.slice(-1)
}

/** The root of the result, all of it on the disk. */
async function presentRoot({ session, runTask, signal }: Building, result: StepResult | undefined): Promise<Snapshot> {
  if (result?.kind !== 'root') throw new Error('the result is not a root')
  if (result.base === undefined) return result.snapshot
  return runTask('loading the layers of the base', async (progress) => rootOf(await presentBases(session)([result], { signal, progress })))
}

function announce({ session, onEvent, recording }: RecordedBuilding, { diagnostics, graph }: BuildPlan, wanted: readonly VertexId[]): void {
  recording.plan(graph)
  for (const diagnostic of diagnostics) onEvent({ kind: 'diagnostic', time: session.effects.now(), diagnostic })
  const steps = neededVertices(graph, wanted).map((vertex) => ({ step: vertex.id, name: vertex.name }))
  onEvent({ kind: 'graph', time: session.effects.now(), steps })
}

/** A slip in a name must not show after the work is done. @throws TsbError `TSB_REFERENCE_INVALID`, `TSB_USAGE_OUTPUT` */
function checkNames({ tags, outputs }: BuildOptions): void {
  for (const tag of tags) parseReference(tag)
  const pushesNothing = outputs.some((output) => output.type === 'image' && output.push && output.names.length + tags.length === 0)
  if (pushesNothing)
    throw new TsbError('TSB_USAGE_OUTPUT', 'an image without a name cannot be pushed', { fault: 'usage', hint: 'name it with `-t`' })
}

/** Assembles the image and names it. */
async function finishImage(building: Building, built: BuiltRoot): Promise<BuiltImage> {
  const { session, options, runTask } = building
  return runTask('exporting to image', async () => {
    const image = await assembleImage(building, built, mainOutput(options.outputs))
    storeImage(session, image, options.tags)
    if (options.iidFile !== undefined) await writeIdFile(options.iidFile, image.id)
    return image
  })
}

async function exportAll(building: Building, finished: FinishedBuild): Promise<void> {
  if (building.options.outputs.length === 0) return
  const { exportResult } = await import('./outputs/export.ts')
  for (const output of building.options.outputs) await exportResult(building, output, finished)
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
  const onlyTrees = outputs.length > 0 && !outputs.some(isImageOutput)
  return !onlyTrees || tags.length > 0 || iidFile !== undefined
}
