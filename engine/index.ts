import { TsbError } from '../core/error.ts'
import { openSession } from './session.ts'
import type { Engine, EngineOptions } from './types.ts'

export { parseOutput } from '../exporter/output-spec.ts'
export type { OutputSpec } from '../exporter/types.ts'
export type * from './types.ts'

/**
 * Opens the engine on the user's store.
 * @throws TsbError `TSB_STORE_*`, `TSB_NATIVE_MISSING`
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  if (process.platform !== 'linux') {
    throw new TsbError('TSB_HOST_UNSUPPORTED', `tsbuild needs Linux, this is \`${process.platform}\``, {
      fault: 'host',
      hint: 'run it in a Linux virtual machine',
    })
  }
  const session = await openSession(options.env)
  return {
    // Each verb is loaded when it is used: start-up is what a cached build mostly consists of.
    build: async (buildOptions, onEvent, signal) => (await import('./build.ts')).build(session, buildOptions, onEvent, signal),
    run: async (runOptions, signal) => (await import('./run.ts')).run(session, runOptions, signal),
    images: async () => (await import('./images.ts')).listImages(session),
    importRoot: async (file, name, signal) => (await import('./import.ts')).importRoot(session, file, name, signal),
    load: async (file, signal) => (await import('./load.ts')).load(session, file, signal),
    save: async (names, file, format, signal) => (await import('./save.ts')).save(session, names, file, format, signal),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}
