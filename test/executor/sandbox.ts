import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createExecutor } from '../../executor/executor.ts'
import type { Executor, ProcessOutcome, ProcessSpec } from '../../executor/types.ts'

const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'].find(existsSync)

/** Why real containers cannot run here; `false` where they can. For the `skip` option of a test. */
export const noContainers: string | false =
  process.geteuid?.() !== 0 ? 'needs root' : BUSYBOX === undefined ? 'needs busybox-static' : false

/** A root of one layer with nothing but a static busybox, and a place for what a container writes. */
export interface Sandbox extends AsyncDisposable {
  readonly directory: string
  readonly executor: Executor
  readonly layer: string
  /** Of the last run. */
  readonly upper: string
  /** A spec that runs `args` in the layer. */
  spec(args: readonly string[], changes?: Partial<ProcessSpec>): Promise<ProcessSpec>
  run(args: readonly string[], changes?: Partial<ProcessSpec>, signal?: AbortSignal): Promise<Finished>
  sh(script: string, changes?: Partial<ProcessSpec>, signal?: AbortSignal): Promise<Finished>
}

export interface Finished {
  readonly outcome: ProcessOutcome
  readonly stdout: string
  readonly stderr: string
}

/** What a container leaves in an empty root, whatever it does: Docker's leave these mount points too. */
export const KERNEL_DIRECTORIES: readonly string[] = ['dev', 'proc', 'sys']

let count = 0

export async function makeSandbox(): Promise<Sandbox> {
  const directory = await mkdtemp(join(tmpdir(), 'tsbuild-executor-'))
  const layer = join(directory, 'layer')
  await mkdir(join(layer, 'bin'), { recursive: true })
  assert.ok(BUSYBOX)
  await copyFile(BUSYBOX, join(layer, 'bin/busybox'))
  const executor = createExecutor({
    stateDirectory: join(directory, 'state'),
    runtime: 'runc',
    effects: { now: () => Date.now(), monotonic: () => performance.now() },
    readRootFile: async (layers, path) => readFile(join(layers.at(-1) ?? '', path)).catch(() => null),
  })
  let upper = ''
  const sandbox: Sandbox = {
    directory,
    executor,
    layer,
    get upper() {
      return upper
    },
    async spec(args, changes = {}) {
      const id = `test-${process.pid}-${count++}`
      upper = join(directory, id, 'upper')
      const work = join(directory, id, 'work')
      await mkdir(upper, { recursive: true })
      await mkdir(work)
      return {
        id,
        layers: [layer],
        upper,
        work,
        args,
        env: ['PATH=/bin'],
        cwd: '/',
        user: '',
        hostname: 'sandbox',
        network: 'none',
        mounts: [],
        extraHosts: [],
        terminal: false,
        security: 'sandbox',
        readonlyRoot: false,
        ...changes,
      }
    },
    async run(args, changes, signal = new AbortController().signal) {
      const output = { stdout: '', stderr: '' }
      const spec = await sandbox.spec(args, changes)
      const onOutput = (stream: 'stdout' | 'stderr', data: Uint8Array): void => {
        output[stream] += Buffer.from(data).toString()
      }
      const outcome = await executor.run(spec, { kind: 'capture', onOutput }, { signal })
      return { outcome, ...output }
    },
    sh: (script, changes, signal) => sandbox.run(['busybox', 'sh', '-c', script], changes, signal),
    [Symbol.asyncDispose]: async () => {
      await executor[Symbol.asyncDispose]()
      await rm(directory, { recursive: true })
    },
  }
  return sandbox
}

/** Puts a file into the layer. */
export async function put(sandbox: Sandbox, path: string, content: string, mode = 0o644): Promise<void> {
  const place = join(sandbox.layer, path)
  await mkdir(join(place, '..'), { recursive: true })
  await writeFile(place, content, { mode })
}

/** Everything that a container of ours could leave on this machine: mounts, processes, cgroups. What is kept for the next one goes first. */
export async function leftovers(sandbox: Sandbox): Promise<readonly string[]> {
  await sandbox.executor[Symbol.asyncDispose]()
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(sandbox.directory))
  const processes = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && mentions(pid, sandbox.directory))
  const cgroups = ['', ...listing('/sys/fs/cgroup')].flatMap((name) =>
    listing(join('/sys/fs/cgroup', name)).filter((group) => group.startsWith('tsbuild-') && group.includes(`-test-${process.pid}-`)),
  )
  return [...mounts, ...processes.map((pid) => `process ${pid}`), ...cgroups, ...listing(join(sandbox.directory, 'state'))]
}

/** By its arguments, or by mounts in a namespace of its own. */
function mentions(pid: string, text: string): boolean {
  if (Number(pid) === process.pid) return false
  return ['cmdline', 'mountinfo'].some((file) => {
    try {
      return readFileSync(join('/proc', pid, file), 'utf8').includes(text)
    } catch {
      return false
    }
  })
}

function listing(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
