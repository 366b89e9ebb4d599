import pLimit from 'p-limit'
import type { Digest } from '../core/digest.ts'
import type { Graph, Vertex, VertexId } from '../core/graph.ts'
import type { BuildPlan } from '../core/image-plan.ts'
import { type Packing, packingOf } from '../core/packing.ts'
import { USUAL_LAYERS } from '../exporter/layer-options.ts'
import type { LayerOptions, OutputSpec } from '../exporter/types.ts'
import { datedBlob, diffIdOf, type PackedLayer } from '../snapshotter/blob.ts'
import type { LayerId } from '../store/layers.ts'
import type { StepResult } from './drivers/result.ts'
import { imageTimes, mainOutput } from './outputs/times.ts'
import type { Session } from './session.ts'

/** The diffIDs of a build's layers, each computed once. */
export interface DiffIds {
  /** A vertex has its result: if its layer ends up in the image, its diffID is computed while later steps still run. */
  onResult(vertex: Vertex, result: StepResult): void
  of(layer: LayerId): Promise<Digest>
  /** The layer packed with no time after `latest` (seconds since 1970). */
  dated(layer: LayerId, packing: Packing, latest: number): Promise<PackedLayer>
}

/** Layers tarred and hashed at once: each takes a core or two. */
const CONCURRENCY = 2

/** Starts the computation for what lies on the way from the output along first inputs: only those layers are in the image. */
export function diffIdsOf(session: Session, plan: BuildPlan, outputs: readonly OutputSpec[], signal: AbortSignal): DiffIds {
  const packing = wantedPacking(outputs)
  const main = mainOutput(outputs)
  const { rewrite } = imageTimes(plan.image, main)
  const { compression, level } = main?.layers ?? USUAL_LAYERS
  const wanted = rootChain(plan.graph)
  const limit = pLimit(CONCURRENCY)
  const withRoom = async <T>(layer: LayerId, pack: () => Promise<T>): Promise<T> => {
    await session.disk.room({ likely: session.store.layers.get(layer)?.bytes ?? 0 }, signal)
    return pack()
  }
  const packed = new Map<string, Promise<PackedLayer>>()
  const dated = (layer: LayerId, how: Packing, latest: number): Promise<PackedLayer> => {
    const key = JSON.stringify([layer, how, latest])
    const promise = packed.get(key) ?? limit(() => withRoom(layer, () => datedBlob(session.snapshotter, layer, how, latest, signal)))
    packed.set(key, promise)
    promise.catch(() => undefined)
    return promise
  }
  const started = new Map<LayerId, Promise<Digest>>()
  const of = (layer: LayerId): Promise<Digest> => {
    const known = started.get(layer)
    if (known !== undefined) return known
    const writes = packing !== undefined && session.store.layers.get(layer)?.diffId === undefined
    const work = (): Promise<Digest> => diffIdOf(session.snapshotter, layer, packing, signal)
    const promise = limit(() => (writes ? withRoom(layer, work) : work()))
    started.set(layer, promise)
    // Whoever assembles the image sees the failure; without this it would end the process before.
    promise.catch(() => undefined)
    return promise
  }
  return {
    of,
    dated,
    onResult: (vertex, result) => {
      const layer = result.kind === 'root' && wanted.has(vertex.id) ? result.snapshot.layers.at(-1) : undefined
      const mayBeAbsent = vertex.op.kind === 'image' && result.kind === 'root' && result.base !== undefined
      if (layer === undefined || mayBeAbsent) return
      if (rewrite === undefined) void of(layer)
      // The layers of a base keep their times.
      else if (vertex.op.kind !== 'image') void dated(layer, packingOf(compression, level), rewrite)
    },
  }
}

/** Layers that an output sends are packed in the same pass. With several outputs the others follow when it is their turn. */
function wantedPacking(outputs: readonly OutputSpec[]): Packing | undefined {
  const layers = outputs.map(sentLayers).find((options) => options !== undefined)
  return layers === undefined ? undefined : packingOf(layers.compression, layers.level)
}

function sentLayers(output: OutputSpec): LayerOptions | undefined {
  switch (output.type) {
    case 'image':
      return output.layers ?? (output.push ? USUAL_LAYERS : undefined)
    case 'oci':
    case 'docker':
      return output.layers ?? (output.dest === undefined ? undefined : USUAL_LAYERS)
    case 'tar':
    case 'local':
      return undefined
  }
}

function rootChain(graph: Graph): ReadonlySet<VertexId> {
  const chain = new Set<VertexId>()
  let next: VertexId | undefined = graph.output
  while (next !== undefined) {
    chain.add(next)
    next = graph.vertices[next]?.inputs[0]
  }
  return chain
}
