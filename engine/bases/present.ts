import type { Digest } from '../../core/digest.ts'
import type { Execution } from '../../solver/driver.ts'
import type { StepResult } from '../drivers/result.ts'
import { materialiseRoot } from '../image-root.ts'
import type { Session } from '../session.ts'

/** What an execution says of downloads, and what ends them. */
export type Fetching = Pick<Execution, 'signal' | 'progress'>

/**
 * The roots that a step is about to read, with all their layers on the disk: those of a base that nothing has read so far are fetched
 * and unpacked now, once in a build. @throws TsbError as `materialiseRoot`
 */
export type Present = (inputs: readonly StepResult[], fetching: Fetching) => Promise<readonly StepResult[]>

/** Makes the `Present` of one build. */
export function presentBases(session: Session): Present {
  const bases = new Map<Digest, Promise<readonly string[]>>()
  return (inputs, fetching) =>
    Promise.all(
      inputs.map(async (input) => {
        if (input.kind !== 'root' || input.base === undefined) return input
        const below = await layersOf(input.base, fetching)
        const { layers, tree } = input.snapshot
        return { kind: 'root', snapshot: { layers: [...below, ...layers.slice(below.length)], tree } }
      }),
    )

  function layersOf(base: Digest, fetching: Fetching): Promise<readonly string[]> {
    const known = bases.get(base) ?? materialise(session, base, fetching)
    bases.set(base, known)
    // Whoever comes next may have more luck.
    known.catch(() => bases.delete(base))
    return known
  }
}

async function materialise(session: Session, base: Digest, { signal, progress }: Fetching): Promise<readonly string[]> {
  const { snapshot, newLayers } = await materialiseRoot(session, base, signal, progress)
  session.store.layers.publish(newLayers)
  return snapshot.layers
}
