import { TsbError } from '../core/error.ts'
import { build } from './build.ts'
import { listImages } from './images.ts'
import { importRoot } from './import.ts'
import { load } from './load.ts'
import { run } from './run.ts'
import { save } from './save.ts'
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
  const session = openSession(options.env)
  return {
    build: (buildOptions, onEvent, signal) => build(session, buildOptions, onEvent, signal),
    run: (runOptions, signal) => run(session, runOptions, signal),
    images: async () => listImages(session),
    importRoot: (file, name, signal) => importRoot(session, file, name, signal),
    load: (file, signal) => load(session, file, signal),
    save: (names, file, format, signal) => save(session, names, file, format, signal),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}
