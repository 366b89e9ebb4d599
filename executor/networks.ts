import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { interrupted } from '../core/error.ts'
import { cannotStart } from './locate.ts'
import { toError } from './outcome.ts'
import { createEventDecoder, EVENTS, type HolderEvent, REQUESTS } from './protocol.ts'

/** One that takes longer to end is stuck; its own death ends everything in it. */
const PATIENCE_MS = 5000

/** Networks with a way out, each held up by a process of its own and lent to one container at a time. */
export interface NetworkPool extends AsyncDisposable {
  /** Has one made for the next `borrow`, unless one is there. Failures show there. */
  prepare(program: string): void
  /**
   * One that no container is in, and that is as good as new. Disposing it without `giveBack` ends it.
   * @throws TsbError `TSB_INTERRUPTED`, `TSB_NETWORK_FAILED`, `TSB_PRIVILEGE_MISSING`, `TSB_RUNTIME_MISSING`
   */
  borrow(program: string, signal: AbortSignal): Promise<BorrowedNetwork>
}

export interface BorrowedNetwork extends AsyncDisposable {
  /** The process whose network it is. */
  readonly pid: number
  /** Leaves it to the next container. Nothing of ours may be left in it. */
  giveBack(): void
}

interface Holder {
  readonly pid: Promise<number>
  isAlive(): boolean
  end(): Promise<void>
}

/** What is lent: a network that was given back last, which the caches know best, or a new one. */
export function createNetworkPool(runnerPath: string, directory: string): NetworkPool {
  const idle: Holder[] = []
  const held = new Set<Holder>()
  const start = (program: string): Holder => {
    const holder = hold(runnerPath, program, directory)
    held.add(holder)
    return holder
  }
  const end = async (holder: Holder): Promise<void> => {
    await holder.end()
    held.delete(holder)
  }
  return {
    prepare(program) {
      if (held.size === 0) idle.push(start(program))
    },
    async borrow(program, signal) {
      let holder = idle.pop()
      while (holder !== undefined && !holder.isAlive()) {
        held.delete(holder)
        holder = idle.pop()
      }
      const lent = holder ?? start(program)
      let isGivenBack = false
      const pid = await unlessAborted(lent.pid, signal).catch(async (error: unknown) => {
        await end(lent)
        throw error
      })
      return {
        pid,
        giveBack: () => {
          isGivenBack = true
          idle.push(lent)
        },
        [Symbol.asyncDispose]: async () => {
          if (!isGivenBack) await end(lent)
        },
      }
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...held].map(end))
    },
  }
}

/** The result of `promise`, or `TSB_INTERRUPTED` when that comes first. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(interrupted())
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Starts the process that makes a network and holds it until its requests end, which our own death is as well. */
function hold(runnerPath: string, program: string, directory: string): Holder {
  const child = spawn(runnerPath, ['network', program, directory], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    // The terminal's Ctrl-C is for us: we end it.
    detached: true,
    env: {},
  })
  let isAlive = true
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => {
      isAlive = false
      resolve()
    })
  })
  const pid = pidOf(child, runnerPath)
  // Who borrows it hears of it; one that was made ahead may have nobody.
  pid.catch(() => undefined)
  const requests = child.stdio[REQUESTS] as Writable
  requests.on('error', () => undefined)
  return {
    pid,
    isAlive: () => isAlive,
    end: async () => {
      requests.destroy()
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
      await closed
      clearTimeout(timer)
    },
  }
}

function pidOf(child: ChildProcess, runnerPath: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(cannotStart(runnerPath, cause)))
    child.once('close', () => reject(toError('network', 'network: its process ended')))
    const events = child.stdio[EVENTS] as Readable
    events.setEncoding('utf8')
    events.on(
      'data',
      createEventDecoder<HolderEvent>((event) => {
        if (event.kind === 'network') resolve(event.pid)
        else reject(toError(event.code, event.message))
      }),
    )
  })
}
