import { type ChildProcess, type SpawnOptions, type StdioOptions, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { interrupted, TsbError } from '../core/error.ts'
import { createEventDecoder, EVENTS, encode, REQUESTS, type RunnerEnd, type RunnerEvent, type RunnerRequest } from './protocol.ts'
import type { ProcessControl, ProcessIo } from './types.ts'

/** The runner tidies up after an abort; one that takes longer is stuck, and its own death still ends the container. */
const PATIENCE_MS = 5000

/** Runner processes. One waits for its request already, so that a step need not wait for its start. */
export interface Runners extends AsyncDisposable {
  /**
   * Carries `request` out in a runner process, and resolves with its last word once that process is gone.
   * Aborting `control.signal` ends the runner's requests, which makes it kill everything.
   * @throws TsbError `TSB_INTERRUPTED`, `TSB_RUNTIME_MISSING` (no runner), `TSB_RUNTIME_FAILED` (it was killed)
   */
  run(request: RunnerRequest, io: ProcessIo, control: ProcessControl): Promise<RunnerEnd>
  /** Starts one ahead, unless one waits. */
  prepare(): void
}

export function createRunners(runnerPath: string): Runners {
  let spare: Runner | undefined
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
      const end = converse(runner, request, io, control)
      // While this one works. Where containers share our streams there is no next one.
      if (io.kind === 'capture') ready()
      return end
    },
    async [Symbol.asyncDispose]() {
      spare?.requests.destroy()
      await spare?.ended.catch(() => undefined)
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

async function converse(
  { child, requests, ended }: Runner,
  request: RunnerRequest,
  io: ProcessIo,
  control: ProcessControl,
): Promise<RunnerEnd> {
  let end: RunnerEnd | undefined
  const onEvent = (event: RunnerEvent): void => {
    if (event.kind !== 'started') end = event
    else control.onStarted?.((signal) => requests.write(encode({ kind: 'signal', signal })))
  }
  listen(child, io, onEvent)
  requests.write(encode(request))

  let timer: NodeJS.Timeout | undefined
  const abort = (): void => {
    requests.destroy()
    timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
  }
  control.signal.addEventListener('abort', abort, { once: true })
  try {
    await ended
  } finally {
    control.signal.removeEventListener('abort', abort)
    clearTimeout(timer)
    requests.destroy()
  }
  if (control.signal.aborted) throw interrupted()
  if (end !== undefined) return end
  throw new TsbError('TSB_RUNTIME_FAILED', `\`tsbuild-runner\` ended by \`${child.signalCode ?? child.exitCode}\` without a result`, {
    hint: 'look for an out-of-memory kill in the kernel log',
    fault: 'host',
  })
}

function listen(child: ChildProcess, io: ProcessIo, onEvent: (event: RunnerEvent) => void): void {
  const events = child.stdio[EVENTS] as Readable
  events.setEncoding('utf8')
  events.on('data', createEventDecoder(onEvent))
  if (io.kind !== 'capture') return
  child.stdout?.on('data', (data: Uint8Array) => io.onOutput('stdout', data))
  child.stderr?.on('data', (data: Uint8Array) => io.onOutput('stderr', data))
}

/** Until the process has ended and all it wrote has been read. */
async function untilClosed(child: ChildProcess, runnerPath: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('close', () => resolve())
    child.once('error', (cause) =>
      reject(new TsbError('TSB_RUNTIME_MISSING', `cannot start \`${runnerPath}\``, { hint: 'run `npm run setup`', fault: 'host', cause })),
    )
  })
}
