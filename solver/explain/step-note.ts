import type { Digest } from '../../core/digest.ts'
import type { Graph, VertexId } from '../../core/graph.ts'
import type { OpKind } from '../../core/op.ts'
import { formatPlatform } from '../../core/platform.ts'

/** What is kept of one step of a build: enough to know it again in the next one, and to find what it led to. */
export interface StepNote {
  readonly step: VertexId
  /** As people saw it. */
  readonly name: string
  /** The instruction as written. */
  readonly text: string
  readonly stage: string
  readonly kind: OpKind
  readonly inputs: readonly VertexId[]
  /** Key of its result; absent where it keeps no record, or never came so far. */
  readonly key?: Digest
  /** How the instruction read when it had that key, where it reads otherwise now: the step failed since, or was not reached. */
  readonly keyText?: string
  /** Of a base image. */
  readonly base?: { readonly reference: string; readonly image: Digest; readonly platform: string }
}

/** The notes of a graph's steps, by their places in it. */
export function notesOf({ vertices }: Graph, keys: ReadonlyMap<VertexId, Digest>): readonly StepNote[] {
  return vertices.map(({ id, name, text, stage, op, inputs }) => {
    const key = keys.get(id)
    return {
      step: id,
      name,
      text: text ?? name,
      stage,
      kind: op.kind,
      inputs,
      ...(key === undefined ? {} : { key }),
      ...(op.kind === 'image' ? { base: { reference: op.reference, image: op.image, platform: formatPlatform(op.platform) } } : {}),
    }
  })
}
