import type { VertexId } from '../../core/graph.ts'
import type { SourceRef } from '../instructions/common.ts'
import type { RawInstruction } from '../source.ts'
import type { LowerContext, StageState } from './state.ts'

/** The vertex that `ref` takes files from; of a tree of the user's it will read at least `paths` (`/` anchored). */
export function sourceOf(
  ref: SourceRef,
  raw: RawInstruction,
  state: StageState,
  context: LowerContext,
  paths: readonly string[],
): VertexId {
  // One that could not be found was complained about.
  const source = state.sources.get(ref) ?? { kind: 'scratch' }
  switch (source.kind) {
    case 'scratch':
      return context.graph.scratch()
    case 'files':
      return context.graph.files(source.name, paths)
    case 'stage':
      return context.results.get(source.index)?.vertex ?? context.graph.scratch()
    case 'image': {
      const { image, platform } = source
      return context.graph.image(image, platform, () => ({ name: `FROM ${image.reference}`, stage: '', span: raw.span }))
    }
  }
}
