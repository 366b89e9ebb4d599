import { constants } from 'node:os'
import { interrupted } from '../core/error.ts'

/** Signals that go on to the program. */
const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const

/** Those of them that end us while there is no program yet. */
const ENDING: ReadonlySet<number> = new Set([constants.signals.SIGINT, constants.signals.SIGTERM, constants.signals.SIGHUP])

/**
 * Process 1 of a container ignores every signal that it has no handler for, Ctrl-C too.
 * Who asks this often wants it gone, as with docker's client.
 */
const INSISTING = 3

export interface CaughtSignals {
  /** Aborted by a signal that ends us while there is no program yet: the image is still being fetched or unpacked. */
  readonly early: AbortSignal
  /** The program is about to start: signals wait for it from now on. */
  keep(): void
  /** The program runs: it gets the signals that waited, and those to come. */
  forward(send: (signal: number) => void): void
  stop(): void
}

/** Catches our signals. Until `stop` none of them ends this process, so whatever is unfinished gets removed. */
export function catchSignals(): CaughtSignals {
  const early = new AbortController()
  const kept: number[] = []
  let deliver = (number: number): void => {
    if (ENDING.has(number)) early.abort(interrupted())
  }
  const listeners = FORWARDED.map((name) => {
    const number = constants.signals[name]
    const listener = (): void => deliver(number)
    process.on(name, listener)
    return [name, listener] as const
  })
  return {
    early: early.signal,
    keep: () => {
      deliver = (number) => kept.push(number)
    },
    forward: (send) => {
      let endings = 0
      deliver = (number) => {
        if (number === constants.signals.SIGINT || number === constants.signals.SIGTERM) endings += 1
        send(endings < INSISTING ? number : constants.signals.SIGKILL)
      }
      for (const number of kept.splice(0)) deliver(number)
    },
    stop: () => {
      for (const [name, listener] of listeners) process.off(name, listener)
    },
  }
}
