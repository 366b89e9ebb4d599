import { join } from 'node:path'
import type { Effects } from '../core/effects.ts'
import type { Executor } from '../executor/types.ts'
import { loadNative } from '../native/index.ts'
import type { Native } from '../native/types.ts'
import type { RegistryClient } from '../registry/types.ts'
import type { SnapshotterContext } from '../snapshotter/snapshot.ts'
import { openStore, type Store } from '../store/store.ts'
import { DiskGuards } from './disk/guard.ts'
import { type Config, readConfig } from './host/config.ts'
import { type Environment, effectsFor, packageRoot, storeRoot } from './host.ts'

/** What one process needs for whatever it was asked to do. Rooms that a cached build does without are loaded when asked for. */
export interface Session extends AsyncDisposable {
  readonly env: Environment
  readonly effects: Effects
  readonly native: Native
  readonly store: Store
  readonly snapshotter: SnapshotterContext
  /** Where whoever is about to write much asks for room first. */
  readonly disk: DiskGuards
  /** What the configuration says, read when asked for. @throws TsbError `TSB_CONFIG_INVALID` */
  config(): Config
  registry(): Promise<RegistryClient>
  executor(): Promise<Executor>
  countContainer(): void
  containersStarted(): number
}

/** Opens the store and nothing else yet. @throws TsbError `TSB_STORE_*`, `TSB_NATIVE_MISSING` */
export async function openSession(env: Environment): Promise<Session> {
  const effects = effectsFor(env)
  const native = loadNative()
  const store = await openStore(storeRoot(env), native, effects)
  let registry: Promise<RegistryClient> | undefined
  let executor: Promise<Executor> | undefined
  let containers = 0
  let config: Config | undefined
  return {
    env,
    effects,
    native,
    store,
    snapshotter: { store, native, effects },
    disk: new DiskGuards(() => store.pins.release()),
    config: () => (config ??= readConfig(env)),
    registry: () => (registry ??= openRegistry(env, effects)),
    executor: () => (executor ??= openExecutor(env, store, native, effects)),
    countContainer: () => {
      containers += 1
    },
    containersStarted: () => containers,
    [Symbol.asyncDispose]: async () => {
      // One that could not be opened has been told of.
      const opened = await executor?.catch(() => undefined)
      await opened?.[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}

/** The client of the registries, loaded when it is asked for. */
export async function openRegistry(env: Environment, effects: Effects): Promise<RegistryClient> {
  const { createRegistryClient, dockerCredentials } = await import('../registry/index.ts')
  return createRegistryClient({ effects, credentials: dockerCredentials(env) })
}

async function openExecutor(env: Environment, store: Store, native: Native, effects: Effects): Promise<Executor> {
  const { createExecutor } = await import('../executor/executor.ts')
  await store.prepare()
  return createExecutor({
    stateDirectory: join(store.leases.own().directory, 'containers'),
    runtime: env['TSBUILD_RUNTIME'] || 'runc',
    runnerPath: join(packageRoot(), 'native', 'bin', 'tsbuild-runner'),
    env,
    effects,
    readRootFile: (layers, path) => native.readFile({ layers, path, maxBytes: MAX_ACCOUNT_FILE_BYTES }),
  })
}

/** Docker's bound for passwd and group. */
const MAX_ACCOUNT_FILE_BYTES = 10 << 20
