import { posix } from 'node:path'
import type { VertexId } from '../../core/graph.ts'
import type { CacheMount, RunMount, SecretMount, SshMount } from '../../core/mount.ts'
import type { Op, WriteAction } from '../../core/op.ts'
import { type RunInstruction, SCRIPTS, type Script } from '../instructions/run.ts'
import { type MountFlag, type MountOptions, readMount } from '../mounts.ts'
import { problem } from '../problems.ts'
import { sourceOf } from './source.ts'
import { expandIn, type LowerContext, type StageState } from './state.ts'

/** What the mounts of a RUN make of its vertex. */
export interface LoweredMounts {
  readonly mounts: readonly RunMount[]
  /** Vertices that they take files from, each once; the first one is the vertex's input 1. */
  readonly inputs: readonly VertexId[]
  /** Where the process finds its first SSH agent, unless it is told already. */
  readonly sshSocket: string | undefined
}

const SSH_SOCKET = '/run/buildkit/ssh_agent.'

/** The mounts of a RUN, outer ones before those inside of them; of two in one place the later one is seen. */
export function lowerMounts(instruction: RunInstruction, state: StageState, context: LowerContext): LoweredMounts {
  const { raw } = instruction
  const inputs: VertexId[] = []
  const mounts: RunMount[] = []
  if (instruction.script !== undefined) {
    inputs.push(scriptVertex(instruction.script, context))
    mounts.push({ kind: 'bind', input: 1, source: '/', target: SCRIPTS, readonly: true })
  }
  let sshSocket: string | undefined
  let sshCount = 0
  for (const flag of instruction.mounts) {
    const input = (paths: readonly string[]): number => {
      const vertex = flag.from === undefined ? context.graph.files('context', paths) : sourceOf(flag.from, raw, state, context, paths)
      if (!inputs.includes(vertex)) inputs.push(vertex)
      return inputs.indexOf(vertex) + 1
    }
    context.problems.attempt(raw.span, () => {
      const options = readMount(raw, flag, (text) => expandIn(state, context, raw, text).text)
      const agent = `${SSH_SOCKET}${sshCount}`
      if (options.type === 'ssh') {
        sshCount++
        sshSocket ??= options.target === '' ? agent : options.target
      }
      const place = (target: string): string => placeOf(target, instruction, flag, state)
      const namespace = context.request.buildArgs.get('BUILDKIT_CACHE_MOUNT_NS') ?? ''
      const mount = lowerMount(flag, options, { input, place, agent, namespace })
      mounts.push(mount)
      state.mounts.push({ raw, mount })
    })
  }
  return { mounts: mounts.sort(byTarget), inputs, sshSocket }
}

/** A directory with the script of a RUN. */
function scriptVertex({ name, content }: Script, context: LowerContext): VertexId {
  const action: WriteAction = { kind: 'write', name: posix.basename(name), content, destination: '/', mode: 0o755 }
  const op: Op = { kind: 'file', actions: [action] }
  return context.graph.add({ op, inputs: [context.graph.scratch()], name: '[internal] preparing inline document', stage: '' })
}

interface Surroundings {
  /** Number of the input that the mount takes files from, which it will read at least `paths` of. */
  readonly input: (paths: readonly string[]) => number
  readonly place: (target: string) => string
  /** Where the next SSH agent is found when nothing else is said. */
  readonly agent: string
  readonly namespace: string
}

function lowerMount(flag: MountFlag, options: MountOptions, around: Surroundings): RunMount {
  switch (options.type) {
    case 'bind': {
      const source = posix.resolve('/', options.source)
      const target = around.place(options.target)
      return { kind: 'bind', input: around.input([source]), source, target, readonly: options.readonly }
    }
    case 'cache':
      return lowerCache(flag, options, around)
    case 'tmpfs': {
      const { size } = options
      return { kind: 'tmpfs', target: around.place(options.target), readonly: options.readonly, ...(size === 0 ? {} : { size }) }
    }
    case 'secret':
      return lowerSecret(options, around)
    case 'ssh': {
      const { id, required, mode = 0o600, uid = 0, gid = 0 } = options
      const target = around.place(options.target === '' ? around.agent : options.target)
      return { kind: 'ssh', id: id === '' ? 'default' : id, target, required, mode, uid, gid } satisfies SshMount
    }
  }
}

/** What is asked of the directory itself is for one that is made anew, so then nothing is taken from `from`. */
function lowerCache(flag: MountFlag, options: MountOptions, around: Surroundings): CacheMount {
  const { sharing, readonly, mode, uid, gid } = options
  const source = posix.resolve('/', options.source)
  const target = around.place(options.target)
  const written = options.id === '' ? posix.join(options.target, '.') : options.id
  const id = around.namespace === '' ? written : `${around.namespace}/${written}`
  const cache: CacheMount = { kind: 'cache', id, sharing, source, target, readonly }
  if (source === '/' && (mode !== undefined || uid !== undefined || gid !== undefined)) {
    return {
      ...cache,
      ...(mode === undefined ? {} : { mode }),
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    }
  }
  return flag.from === undefined ? cache : { ...cache, from: around.input([source]) }
}

function lowerSecret(options: MountOptions, around: Surroundings): SecretMount {
  const { env, required, mode = 0o400, uid = 0, gid = 0 } = options
  const id = options.source || options.id || posix.basename(options.target)
  const file = options.target === '' && env === undefined ? `/run/secrets/${posix.basename(id)}` : options.target
  return {
    kind: 'secret',
    id,
    required,
    mode,
    uid,
    gid,
    ...(file === '' ? {} : { target: around.place(file) }),
    ...(env === undefined ? {} : { env }),
  }
}

function placeOf(target: string, { raw }: RunInstruction, flag: MountFlag, state: StageState): string {
  const place = posix.resolve('/', state.config.fields.WorkingDir ?? '/', target)
  if (place !== '/') return place
  const message = target === '' ? 'a mount needs a `target`' : `a mount cannot have the target \`${target}\``
  throw problem('TSB_DOCKERFILE_MOUNT', message, raw.places.word(`--mount=${flag.text}`), 'add `target=/path`')
}

/** Bytewise, as BuildKit sorts them: what a directory is mounted on comes before the directory. */
function byTarget(a: RunMount, b: RunMount): number {
  return Buffer.compare(Buffer.from(a.target ?? ''), Buffer.from(b.target ?? ''))
}
