import { TsbError, toTsbError } from '../core/error.ts'
import type { RegistryClient } from '../registry/types.ts'
import { layoutOf } from '../store/layout.ts'
import { effectsFor, storeExists, storeRoot } from './host.ts'
import type { Keep } from './remote/types.ts'
import { openRegistry, openSession, type Session } from './session.ts'
import type { Engine, EngineOptions } from './types.ts'

export { parseOutput } from '../exporter/output-spec.ts'
export type { OutputSpec } from '../exporter/types.ts'
export { parseSecret } from './mounts/secrets.ts'
export { parseSsh } from './ssh/agents.ts'
export type * from './types.ts'

/**
 * The engine on the user's store, which is opened by the first verb that needs it: then `TSB_STORE_*`, `TSB_NATIVE_MISSING`.
 * @throws TsbError `TSB_HOST_UNSUPPORTED`
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  if (process.platform !== 'linux') {
    throw new TsbError('TSB_HOST_UNSUPPORTED', `tsbuild needs Linux, this is \`${process.platform}\``, {
      fault: 'host',
      hint: 'run it in a Linux virtual machine',
    })
  }
  let opened: Promise<Session> | undefined
  const session = (): Promise<Session> => (opened ??= openSession(options.env))
  const using = async <T>(work: (session: Session) => Promise<T>): Promise<T> => {
    const opened = await session()
    using _user = opened.disk.use()
    return await work(opened)
  }
  return tellingWho(options.env, {
    // Each verb is loaded when it is used: start-up is what a cached build mostly consists of.
    build: (buildOptions, onEvent, signal) =>
      using(async (session) => (await import('./build.ts')).build(session, buildOptions, onEvent, signal)),
    call: async (name, buildOptions, onEvent, signal) => {
      // A call makes no store, and answers without one that cannot be opened.
      const store = storeExists(options.env) ? await session().catch(() => undefined) : undefined
      const registry = (): Promise<RegistryClient> => openRegistry(options.env, effectsFor(options.env))
      const keep = async (): Promise<Keep> => {
        const [{ snapshotter, effects, store }, { storeLedger }] = await Promise.all([session(), import('./ledger.ts')])
        return { snapshotter, effects, ledger: storeLedger({ store, effects }) }
      }
      const { call } = await import('./call/call.ts')
      return call({ env: options.env, store: store?.store, registry, keep }, name, buildOptions, onEvent, signal)
    },
    run: (runOptions, signal) => using(async (session) => (await import('./run.ts')).run(session, runOptions, signal)),
    checkHost: async () => (await import('./doctor/host.ts')).checkHost(options.env),
    checkStore: async (signal) => (await import('./doctor/store.ts')).checkStore(options.env, signal),
    images: async () => (await import('./images.ts')).listImages(await session()),
    builds: async () => (await import('./history/browse.ts')).listBuilds(await session()),
    recordedBuild: async (word) => (await import('./history/browse.ts')).findBuild(await session(), word),
    explain: async (word) => {
      const [{ findBuild }, { explainBuild }] = await Promise.all([import('./history/browse.ts'), import('./explain/explanation.ts')])
      return explainBuild(findBuild(await session(), word))
    },
    forgetBuilds: async (words) => (await import('./history/browse.ts')).removeBuilds(await session(), words),
    diskUsage: async (filters) => (await import('./disk/du.ts')).diskUsage(await session(), filters),
    prune: async (pruneOptions) => (await import('./disk/prune.ts')).prune(await session(), pruneOptions),
    importRoot: (file, name, signal) => using(async (session) => (await import('./import.ts')).importRoot(session, file, name, signal)),
    load: (file, signal) => using(async (session) => (await import('./load.ts')).load(session, file, signal)),
    save: (names, file, format, signal) => using(async (session) => (await import('./save.ts')).save(session, names, file, format, signal)),
    [Symbol.asyncDispose]: async () => {
      const session = await opened?.catch(() => undefined)
      await session?.[Symbol.asyncDispose]()
    },
  })
}

/** Whoever keeps the database locked is named: the verbs themselves do not know it. */
function tellingWho(env: EngineOptions['env'], engine: Engine): Engine {
  const tell = async (error: unknown): Promise<never> => {
    const failure = toTsbError(error)
    if (failure.code !== 'TSB_STORE_BUSY') throw error
    const { storeBusy } = await import('./doctor/busy.ts')
    throw storeBusy(layoutOf(storeRoot(env)).database, failure.cause)
  }
  const told = Object.entries(engine).map(([name, verb]) => [name, (...args: never[]) => verb(...args).catch(tell)])
  return { ...engine, ...Object.fromEntries(told) }
}
