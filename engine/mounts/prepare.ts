import { TsbError } from '../../core/error.ts'
import type { BindMount, CacheMount, RunMount, SecretMount, SshMount } from '../../core/mount.ts'
import type { RunOp } from '../../core/op.ts'
import type { Mount } from '../../executor/types.ts'
import { CONTENT } from '../../snapshotter/caches.ts'
import { layerPaths } from '../../snapshotter/snapshot.ts'
import { openWorkspace } from '../../snapshotter/workspace.ts'
import type { StepResult } from '../drivers/result.ts'
import type { Session } from '../session.ts'
import { openCaches } from './caches.ts'
import type { RunResources } from './resources.ts'

/** A RUN's mounts, ready for its container. Disposing gives caches back, closes agents, and throws away what was written to binds. */
export interface PreparedMounts extends AsyncDisposable {
  readonly mounts: readonly Mount[]
  /** The step's environment, with what secrets set in it. */
  readonly env: readonly string[]
  /** Values that the step can see and nobody else may. */
  readonly secrets: readonly Uint8Array[]
}

/** What a step has at hand. */
export interface StepSurroundings {
  readonly session: Session
  readonly resources: RunResources
  readonly inputs: readonly StepResult[]
  readonly signal: AbortSignal
}

/**
 * Gets everything that a RUN mounts; waits for caches that others have.
 * @throws TsbError `TSB_MOUNT_SOURCE_MISSING`, `TSB_SECRET_MISSING`, `TSB_SSH_MISSING`, `TSB_INTERRUPTED`
 */
export async function prepareMounts(op: RunOp, step: StepSurroundings): Promise<PreparedMounts> {
  const held: AsyncDisposable[] = []
  const release = async (): Promise<void> => {
    for (const each of held.splice(0).reverse()) await each[Symbol.asyncDispose]()
  }
  try {
    // Secrets first: a step that cannot run must not wait for a cache.
    const secrets = await readSecrets(op.mounts, step)
    const caches = op.mounts.filter((mount) => mount.kind === 'cache')
    const { session, inputs, signal } = step
    const opened = caches.length === 0 ? NO_CACHES : await openCaches(session.snapshotter, caches, inputs, held, signal)
    const mounts: Mount[] = []
    for (const mount of op.mounts) {
      const prepared = mount.kind === 'cache' ? opened.get(mount) : await prepare(mount, secrets, step, held)
      if (prepared !== undefined) mounts.push(prepared)
    }
    return { mounts, env: withSecrets(op, secrets), secrets: [...secrets.values()], [Symbol.asyncDispose]: release }
  } catch (error) {
    await release()
    throw error
  }
}

type SecretValues = ReadonlyMap<SecretMount, Uint8Array>

const NO_CACHES: ReadonlyMap<CacheMount, Mount> = new Map()

async function prepare(
  mount: Exclude<RunMount, CacheMount>,
  secrets: SecretValues,
  step: StepSurroundings,
  held: AsyncDisposable[],
): Promise<Mount | undefined> {
  switch (mount.kind) {
    case 'bind':
      return prepareBind(mount, step, held)
    case 'tmpfs':
      return mount
    case 'secret': {
      const content = secrets.get(mount)
      const { target, mode, uid, gid } = mount
      return content === undefined || target === undefined ? undefined : { kind: 'file', content, target, mode, uid, gid }
    }
    case 'ssh':
      return prepareAgent(mount, step, held)
  }
}

/** Of a root its layers, of a context a copy; what is written to it goes into a workspace that is never committed. */
async function prepareBind(
  { input: index, source, target, readonly }: BindMount,
  { session, resources, inputs, signal }: StepSurroundings,
  held: AsyncDisposable[],
): Promise<Mount> {
  const { snapshotter } = session
  const input = inputs[index]
  if (input === undefined) throw new Error(`no input ${index}`)
  const isRoot = input.kind === 'root'
  const layers = isRoot ? layerPaths(snapshotter.store, input.snapshot) : [await resources.copies.layerOf(input, source, signal)]
  const tree = { kind: 'tree', layers, source: isRoot ? source : `/${CONTENT}`, target, readonly } as const
  if (readonly && layers.length > 0) return tree
  const workspace = await openWorkspace(snapshotter)
  held.push(workspace)
  return { ...tree, upper: { path: workspace.upper, work: workspace.work } }
}

async function prepareAgent(
  mount: SshMount,
  { session, resources }: StepSurroundings,
  held: AsyncDisposable[],
): Promise<Mount | undefined> {
  const { id, target, required } = mount
  await session.store.prepare()
  const socket = await resources.agents.open(id, mount, session.store.leases.own().directory)
  if (socket !== undefined) {
    held.push(socket)
    return { kind: 'host', source: socket.path, target, readonly: false }
  }
  if (!required) return undefined
  throw new TsbError('TSB_SSH_MISSING', `this step needs the SSH agent \`${id}\`, which was not given`, {
    fault: 'input',
    hint: id === 'default' ? 'give it with `--ssh default`' : `give it with \`--ssh ${id}=SOCKET\` or \`--ssh ${id}=KEYFILE\``,
  })
}

async function readSecrets(mounts: readonly RunMount[], { resources }: StepSurroundings): Promise<SecretValues> {
  const values = new Map<SecretMount, Uint8Array>()
  for (const mount of mounts) {
    if (mount.kind !== 'secret') continue
    const value = await resources.secrets.read(mount.id)
    if (value !== undefined) values.set(mount, value)
    else if (mount.required) throw secretMissing(mount.id)
  }
  return values
}

/** What a secret sets replaces what the image says; one that was not given sets an empty value, as with BuildKit. */
function withSecrets({ env, proxyEnv, mounts }: RunOp, secrets: SecretValues): readonly string[] {
  const given = new Map<string, string>()
  for (const mount of mounts) {
    if (mount.kind === 'secret' && mount.env !== undefined) given.set(mount.env, Buffer.from(secrets.get(mount) ?? []).toString())
  }
  const own = [...env, ...proxyEnv].filter((entry) => !given.has(entry.slice(0, entry.indexOf('='))))
  return [...own, ...[...given].map(([name, value]) => `${name}=${value}`)]
}

function secretMissing(id: string): TsbError {
  return new TsbError('TSB_SECRET_MISSING', `this step needs the secret \`${id}\`, which was not given`, {
    fault: 'input',
    hint: `give it with \`--secret id=${id},src=FILE\` or \`--secret id=${id},env=VARIABLE\``,
  })
}
