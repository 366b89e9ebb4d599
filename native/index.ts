import type { Digest } from '../core/digest.ts'
import { type ErrorCode, EXIT_CODES, type Fault, interrupted, TsbError, toTsbError } from '../core/error.ts'
import type { FileChanges } from '../core/miss.ts'
import { type Addon, type ArrivalToken, loadAddon } from './load.ts'
import type {
  ApplyLayerResult,
  Arrival,
  CommitResult,
  Measured,
  Native,
  ScanResult,
  SelectRequest,
  SelectResult,
  TreeEntry,
  WriteLayerResult,
} from './types.ts'

export { runnerPath } from './load.ts'

let loaded: Native | undefined

/**
 * The Rust core. Loaded at the first call, kept for the process.
 * @throws TsbError `TSB_NATIVE_MISSING`
 */
export function loadNative(): Native {
  loaded ??= nativeOf(loadAddon())
  return loaded
}

type Method = 'scan' | 'select' | 'change' | 'commit' | 'writeLayer' | 'repackLayer' | 'writeBundle' | 'exportTar' | 'exportDirectory'

function nativeOf(addon: Addon): Native {
  const call = <Answer>(method: Method, request: object, signal?: AbortSignal): Promise<Answer> =>
    cancellable(addon, signal, async (token) => JSON.parse(await addon[method](JSON.stringify(request), token)) as Answer)
  return {
    scan: (request, signal) => call<ScanResult>('scan', request, signal),
    select: async (request, signal) => selectSmall(addon, request) ?? call<SelectResult>('select', request, signal),
    weigh: (request) => settled(async () => JSON.parse(await addon.weigh(JSON.stringify(request))) as number),
    list: (request) => settled(async () => JSON.parse(await addon.list(JSON.stringify(request))) as readonly TreeEntry[]),
    change: (request, signal) => call<CommitResult>('change', request, signal),
    commit: (request, signal) => call<CommitResult>('commit', request, signal),
    layOver: (request) => settled(async () => JSON.parse(await addon.layOver(JSON.stringify(request))) as Digest | null),
    diff: (request) => settled(async () => JSON.parse(await addon.diff(JSON.stringify(request))) as FileChanges),
    arrival: (path) => arrival(addon, path),
    applyLayer: ({ arrival, ...request }, signal) =>
      cancellable(addon, signal, async (token) => {
        const known = arrival as ArrivalToken | undefined
        return JSON.parse(await addon.applyLayer(JSON.stringify(request), token, known)) as ApplyLayerResult
      }),
    writeLayer: (request, signal) => call<WriteLayerResult>('writeLayer', request, signal),
    repackLayer: (request, signal) => call<WriteLayerResult>('repackLayer', request, signal),
    writeBundle: async (request, signal) => void (await call('writeBundle', request, signal)),
    exportTar: async (request, signal) => void (await call('exportTar', request, signal)),
    exportDirectory: async (request, signal) => void (await call('exportDirectory', request, signal)),
    readFile: (request) => settled(() => addon.readFile(JSON.stringify(request))),
    measure: (paths) => settled(async () => JSON.parse(await addon.measure(JSON.stringify(paths))) as readonly Measured[]),
    remove: async (paths) => void (await settled(() => addon.remove(JSON.stringify(paths)))),
    delta: (upper) => settled(async () => JSON.parse(await addon.delta(JSON.stringify(upper))) as Digest),
    sync: async (path) => void (await settled(() => addon.sync(JSON.stringify(path)))),
    sha256: (bytes) => addon.sha256(bytes) as Digest,
    startSync: (path, onDone) => void import('./background-sync.ts').then(({ startSync }) => startSync(path, onDone)),
  }
}

/** Most contexts are small, and a build with a thousand COPYs would start a thousand threads. */
function selectSmall(addon: Addon, request: SelectRequest): SelectResult | undefined {
  try {
    const answer = addon.selectSmall(JSON.stringify(request))
    return answer === null ? undefined : (JSON.parse(answer) as SelectResult)
  } catch (error) {
    throw rebuilt(error)
  }
}

function arrival(addon: Addon, path: string): Arrival {
  try {
    return new addon.ArrivalToken(JSON.stringify(path))
  } catch (error) {
    throw rebuilt(error)
  }
}

async function cancellable<Answer>(
  addon: Addon,
  signal: AbortSignal | undefined,
  work: (token?: InstanceType<Addon['CancelToken']>) => Promise<Answer>,
): Promise<Answer> {
  if (signal === undefined) return settled(work)
  if (signal.aborted) throw interrupted()
  const token = new addon.CancelToken()
  const cancel = () => token.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    return await settled(() => work(token))
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

/** Waits for a native call; what it fails with becomes a `TsbError`. */
async function settled<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work()
  } catch (error) {
    throw rebuilt(error)
  }
}

/** Fields of the envelope of native/crates/addon/src/envelope.rs. */
interface Envelope {
  readonly code: ErrorCode
  readonly message: string
  readonly fault: Fault
  readonly path: string | null
  readonly errno: number | null
  readonly hint: string | null
}

/** What the native core was told by the system; the cause of an error that it sent. */
export interface NativeCause {
  readonly path?: string
  readonly errno?: number
}

function rebuilt(error: unknown): TsbError {
  const envelope = error instanceof Error ? parseEnvelope(error.message) : undefined
  if (envelope === undefined) return toTsbError(error)
  const cause: NativeCause = {
    ...(envelope.path === null ? {} : { path: envelope.path }),
    ...(envelope.errno === null ? {} : { errno: envelope.errno }),
  }
  return new TsbError(envelope.code, envelope.message, {
    fault: envelope.fault,
    cause,
    ...(envelope.hint === null ? {} : { hint: envelope.hint }),
  })
}

function parseEnvelope(text: string): Envelope | undefined {
  if (!text.startsWith('{"code":"TSB_')) return undefined
  try {
    const envelope = JSON.parse(text) as Envelope
    return envelope.fault in EXIT_CODES ? envelope : undefined
  } catch {
    return undefined
  }
}
