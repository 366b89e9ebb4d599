import { type ChildProcess, type SpawnOptions, type StdioOptions, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { interrupted, TsbError } from '../core/error.ts'
import { cannotStart } from './locate.ts'
import { createEventDecoder, EVENTS, encode, REQUESTS, type RunnerEnd, type RunnerEvent, type RunnerRequest } from './protocol.ts'
import type { ProcessControl, ProcessIo } from './types.ts'

/** The runner tidies up after an abort; one that takes longer is stuck, and its own death still ends the container. */
const PATIENCE_MS = 5000

/** Runner processes. One waits for its request already, so that a step need not wait for its start. */
export interface Runners extends AsyncDisposable {
  /**
   * Carries `request` out in a runner process, and resolves with its last word once nothing of the container runs or is mounted any
   * more, and its output is read. The process itself may take a moment longer, for the cgroup: disposing waits for that.
   * Aborting `control.signal` ends the runner's requests, which makes it kill everything.
   * @throws TsbError `TSB_INTERRUPTED`, `TSB_RUNTIME_MISSING` (no runner), `TSB_RUNTIME_FAILED` (it was killed)
   */
  run(request: RunnerRequest, io: ProcessIo, control: ProcessControl): Promise<RunnerEnd>
  /** Starts one ahead, unless one waits. */
  prepare(): void
}

export function createRunners(runnerPath: string): Runners {
  let spare: Runner | undefined
  const ending = new Set<Promise<void>>()
  const ready = (): Runner => {
    // One that died while it waited is none.
    const isAlive = spare?.child.exitCode === null && spare.child.signalCode === null
    spare = isAlive && spare !== undefined ? spare : start(runnerPath, { stdio: CAPTURED, detached: true })
    return spare
  }
  const take = (request: RunnerRequest, io: ProcessIo): Runner => {
    // A session of its own keeps the terminal's Ctrl-C from reaching the container beside the signal we send;
    // a container with a terminal needs ours.
    if (io.kind === 'inherit') return start(runnerPath, { stdio: inherited(io.stdin), detached: !request.terminal })
    const taken = ready()
    spare = undefined
    return taken
  }
  return {
    prepare: () => void ready(),
    async run(request, io, control) {
      if (control.signal.aborted) throw interrupted()
      const runner = take(request, io)
      const gone = runner.ended.then(
        () => void ending.delete(gone),
        () => void ending.delete(gone),
      )
      ending.add(gone)
      const end = converse(runner, request, io, control)
      // While this one works. Where containers share our streams there is no next one.
      if (io.kind === 'capture') ready()
      return end
    },
    async [Symbol.asyncDispose]() {
      spare?.requests.destroy()
      await Promise.all([spare?.ended.catch(() => undefined), ...ending])
    },
  }
}

interface Runner {
  readonly child: ChildProcess
  readonly requests: Writable
  /** The process has ended and all it wrote has been read. */
  readonly ended: Promise<void>
}

const CAPTURED: StdioOptions = ['ignore', 'pipe', 'pipe', 'pipe', 'pipe']

function inherited(stdin: 'ignore' | undefined): StdioOptions {
  return [stdin ?? 'inherit', 'inherit', 'inherit', 'pipe', 'pipe']
}

function start(runnerPath: string, options: Pick<SpawnOptions, 'stdio' | 'detached'>): Runner {
  const child = spawn(runnerPath, [], { ...options, env: {} })
  const requests = child.stdio[REQUESTS] as Writable
  // A runner that died takes no more; its end is reported otherwise.
  requests.on('error', () => undefined)
  const ended = untilClosed(child, runnerPath)
  // Of one that was never asked for anything nobody wants to know.
  ended.catch(() => undefined)
  return { child, requests, ended }
}

async function converse(runner: Runner, request: RunnerRequest, io: ProcessIo, control: ProcessControl): Promise<RunnerEnd> {
  const { child, requests, ended } = runner
  const lastWord = listen(runner, control)
  const output = io.kind === 'capture' ? readOutput(child, io) : ended
  requests.write(encode(request))

  let timer: NodeJS.Timeout | undefined
  const abort = (): void => {
    requests.destroy()
    timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
  }
  control.signal.addEventListener('abort', abort, { once: true })
  try {
    const [end] = await Promise.all([lastWord, output])
    if (end !== undefined && !control.signal.aborted) return end
    await ended
  } finally {
    control.signal.removeEventListener('abort', abort)
    clearTimeout(timer)
    requests.destroy()
  }
  if (control.signal.aborted) throw interrupted()
  throw new TsbError('TSB_RUNTIME_FAILED', `\`tsbuild-runner\` ended by \`${child.signalCode ?? child.exitCode}\` without a result`, {
    hint: 'look for an out-of-memory kill in the kernel log',
    fault: 'host',
  })
}

/** How it ended, by what it says; `undefined` when it ends without. */
function listen({ child, requests, ended }: Runner, control: ProcessControl): Promise<RunnerEnd | undefined> {
  return new Promise((resolve, reject) => {
    const events = child.stdio[EVENTS] as Readable
    events.setEncoding('utf8')
    const onEvent = (event: RunnerEvent): void => {
      if (event.kind !== 'started') resolve(event)
      else control.onStarted?.((signal) => requests.write(encode({ kind: 'signal', signal })))
    }
    events.on('data', createEventDecoder(onEvent))
    ended.then(() => resolve(undefined), reject)
  })
}

async function readOutput(child: ChildProcess, { onOutput }: Extract<ProcessIo, { kind: 'capture' }>): Promise<void> {
  child.stdout?.on('data', (data: Uint8Array) => onOutput('stdout', data))
  child.stderr?.on('data', (data: Uint8Array) => onOutput('stderr', data))
  await Promise.all([child.stdout, child.stderr].map((stream) => stream && new Promise<void>((resolve) => stream.once('close', resolve))))
}

/** Until the process has ended and all it wrote has been read. */
async function untilClosed(child: ChildProcess, runnerPath: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('close', () => resolve())
    child.once('error', (cause) => reject(cannotStart(runnerPath, cause)))
  })
}
