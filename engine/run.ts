import { setMaxListeners } from 'node:events'
import { interrupted, TsbError } from '../core/error.ts'
import { hostPlatform } from '../core/platform.ts'
import type { ProcessOutcome } from '../executor/types.ts'
import { layerPaths } from '../snapshotter/snapshot.ts'
import { openWorkspace } from '../snapshotter/workspace.ts'
import { configOf } from '../store/images.ts'
import { withinLimit } from './disk/limit.ts'
import { publishRoot } from './image-root.ts'
import { byShortId, resolveImage } from './resolve.ts'
import { type CaughtSignals, catchSignals } from './run-signals.ts'
import { runSpec } from './run-spec.ts'
import type { Session } from './session.ts'
import type { RunOptions } from './types.ts'

/**
 * Runs an image's program on its snapshots, with one fresh layer for its writes that goes when it ends.
 * @returns docker's exit code: the program's own, 128 + signal, 127 for a command not found, 126 for one that cannot be executed
 */
export async function run(session: Session, options: RunOptions, signal: AbortSignal): Promise<number> {
  const signals = catchSignals()
  try {
    const either = AbortSignal.any([signal, signals.early])
    // Every layer in flight listens, which is no leak however many they are.
    setMaxListeners(0, either)
    return await runImage(session, options, either, signals)
  } catch (error) {
    throw signals.early.aborted ? interrupted() : error
  } finally {
    signals.stop()
  }
}

async function runImage(session: Session, options: RunOptions, signal: AbortSignal, signals: CaughtSignals): Promise<number> {
  const typed = byShortId(session, options.image)?.id ?? options.image
  const image = await resolveImage(session, typed, hostPlatform(), false, signal)
  await session.store.prepare()
  // Of a container that runs nothing is counted: it is no cache, and nobody could make room for it.
  const snapshot = await withinLimit(session, {}, signal, (limited) => publishRoot(session, image.image, limited))
  const stored = session.store.images.get(image.image)
  const config = stored === undefined ? {} : (configOf(stored).config ?? {})
  const executor = await session.executor()
  await using workspace = await openWorkspace(session.snapshotter)
  const { upper, work } = workspace
  const root = { id: session.effects.randomId(), layers: layerPaths(session.store, snapshot), upper, work }
  const spec = runSpec({ options, config, env: session.env }, root)
  signal.throwIfAborted()
  signals.keep()
  const outcome = await executor.run(spec, options.interactive ? { kind: 'inherit' } : { kind: 'inherit', stdin: 'ignore' }, {
    signal,
    onStarted: signals.forward,
  })
  return exitCode(outcome)
}

function exitCode(outcome: ProcessOutcome): number {
  switch (outcome.kind) {
    case 'exited':
      return outcome.code
    case 'signaled':
      return 128 + outcome.signal
    case 'not-started':
      throw new TsbError(outcome.reason === 'not-found' ? 'TSB_COMMAND_NOT_FOUND' : 'TSB_COMMAND_NOT_EXECUTABLE', outcome.message, {
        fault: 'input',
        hint: 'check the command, and PATH in the image',
      })
  }
}
