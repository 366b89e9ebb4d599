import { interrupted } from '../core/error.ts'
import type { Engine } from '../engine/types.ts'
import type { CliHost } from './host.ts'

export interface EngineChoice {
  /** `--oci-runtime`: stands in for TSBUILD_RUNTIME. */
  readonly runtime?: string
}

/**
 * Opens the engine, lets `work` use it, closes it whatever happens.
 * The first SIGINT or SIGTERM aborts `work` and waits for its clean-up; the second ends the process at once.
 * A stdout that nobody reads any more aborts it too.
 */
export async function withEngine<T>(
  host: CliHost,
  choice: EngineChoice,
  work: (engine: Engine, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const release = host.onSignal(() => {
    if (controller.signal.aborted) host.exit(130)
    controller.abort(interrupted())
  })
  host.terminal.onClosed(() => controller.abort(interrupted()))
  try {
    const { openEngine } = await host.loadEngine()
    await using engine = await openEngine({ env: engineEnvironment(host, choice) })
    controller.signal.throwIfAborted()
    return await work(engine, controller.signal)
  } finally {
    release()
  }
}

/** The user's environment with what flags override. */
export function engineEnvironment(host: CliHost, choice: EngineChoice): CliHost['env'] {
  return choice.runtime === undefined ? host.env : { ...host.env, TSBUILD_RUNTIME: choice.runtime }
}
