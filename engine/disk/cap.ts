import { setMaxListeners } from 'node:events'
import { readdirSync, statfsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { interrupted, isTsbError, TsbError } from '../../core/error.ts'
import type { Collector } from '../../store/gc/collector.ts'
import type { Session } from '../session.ts'
import type { DiskGuard, Needed } from './guard.ts'

/** How often the disk is looked at: a running step may write a gigabyte in a second. */
const LOOK_MS = 10

/** After so long the store is measured again though the disk has not filled: others may have taken away what a step has written. */
const BLIND_MS = 500

/** Whoever finds no room waits for builds that may end. Not all equally long: the first that gives up makes room for the others. */
const PATIENCE_MS = 20_000
const POLL_MS = 200

/** Room that is left for what steps in flight write between two looks. */
const MOST_HEADROOM = 128 << 20

/** What a store is kept within. */
export interface Limit {
  readonly limit: number
  /** Pins and notes what the build has found so far. */
  readonly beforeCollection: () => void
}

/** Does `work` while the store is kept below a size. @throws TsbError `TSB_STORE_CAP`, and what `work` throws */
export async function keepWithin<T>(
  session: Session,
  limit: Limit,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  await using cap = new Cap(session, limit)
  session.disk.add(cap)
  try {
    const either = AbortSignal.any([signal, cap.signal])
    setMaxListeners(0, either)
    return await work(either)
  } catch (error) {
    const failure: unknown = cap.signal.aborted && !signal.aborted ? cap.signal.reason : error
    // What the build has finished is a cache like any other now, and may be too much.
    if (isTsbError(failure) && failure.code === 'TSB_STORE_CAP' && session.disk.isLastUser) session.store.pins.release()
    throw failure
  } finally {
    session.disk.delete(cap)
  }
}

/**
 * Keeps the store below a size, whatever this process and others write to it: evicts what is worth least before it gets there. Nothing
 * is looked at before `room` is asked for the first time, so a build that finds everything cached pays nothing.
 */
class Cap implements DiskGuard, AsyncDisposable {
  readonly #session: Session
  readonly #limit: number
  readonly #headroom: number
  readonly #beforeCollection: () => void
  readonly #exceeded = new AbortController()
  #checking: Promise<unknown> = Promise.resolve()
  #watching: Promise<void> | undefined
  #isOpen = true
  /** Of the last measurement. */
  #last = { total: 0, free: 0, time: 0 }

  constructor(session: Session, { limit, beforeCollection }: Limit) {
    this.#session = session
    this.#limit = limit
    this.#headroom = Math.min(MOST_HEADROOM, Math.floor(limit / 8))
    this.#beforeCollection = beforeCollection
  }

  /** Aborted when a step writes more than there is room for. */
  get signal(): AbortSignal {
    return this.#exceeded.signal
  }

  async room({ bytes = 0, likely = 0 }: Needed, signal: AbortSignal): Promise<void> {
    const { store, effects } = this.#session
    this.#watching ??= this.#watch()
    const patience = effects.monotonic() + PATIENCE_MS * (1 + Number.parseInt(effects.randomId().slice(0, 4), 16) / 0xffff)
    if (likely > bytes && (await this.#makeRoom(likely))) return
    while (!(await this.#makeRoom(bytes))) {
      if (this.signal.aborted) throw this.signal.reason
      if (signal.aborted) throw interrupted()
      // Nothing that others give back would be enough.
      const isHopeless = bytes > this.#limit - this.#headroom || store.leases.living().length <= 1
      if (isHopeless || effects.monotonic() > patience) throw this.#error(bytes)
      await sleep(POLL_MS, undefined, { signal }).catch(() => Promise.reject(interrupted()))
    }
  }

  async check(): Promise<void> {
    await this.#makeRoom(0)
    if (this.signal.aborted) throw this.signal.reason
    if (this.#isOver()) throw this.#error()
  }

  /** Looks no more, and makes room for the next build. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#watching === undefined) return
    this.#isOpen = false
    await this.#watching
    // What the build came to is settled; the next one that finds no room says so.
    await this.#makeRoom(0).catch(() => undefined)
  }

  async #watch(): Promise<void> {
    const { effects } = this.#session
    while (this.#isOpen) {
      await sleep(LOOK_MS, undefined, { ref: false })
      const { total, free, time } = this.#last
      // One number of the file system, at once: it may be others who have filled it, so it only says when to measure.
      const grown = Math.max(0, free - this.#free())
      const isSafe = total + grown <= this.#limit - this.#headroom && effects.monotonic() - time < BLIND_MS
      if (isSafe || !this.#isOpen) continue
      const making = this.#makeRoom(0)
      try {
        if (!(await this.#isOutrun(making)) && !this.#isOver()) continue
        this.#exceeded.abort(this.#error())
      } catch (error) {
        this.#exceeded.abort(error)
      }
      await making.catch(() => undefined)
      return
    }
  }

  /** Whether what is in flight passes the limit sooner than room is made. @throws what the making throws */
  async #isOutrun(making: Promise<unknown>): Promise<boolean> {
    const made = making.then(() => true)
    // Whoever calls waits for the end of it, too.
    made.catch(() => undefined)
    const begun = await this.#inFlight()
    while (!(await Promise.race([made, sleep(LOOK_MS, false, { ref: false })]))) {
      const grown = (await this.#inFlight()) - begun
      if (this.#isOver(grown)) return true
    }
    return false
  }

  /** Bytes of what is not finished, without what is about to be removed. */
  async #inFlight(): Promise<number> {
    const { store, native } = this.#session
    const { work } = store.layout
    const unfinished = readdirSync(work).flatMap((lease) => entriesOf(join(work, lease)))
    const measured = await native.measure(unfinished.filter((path) => !basename(path).startsWith('evicted-')))
    return measured.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** @param grown bytes beyond the last measurement. Half of the headroom is for what is written until it stops. */
  #isOver(grown = 0): boolean {
    return this.#last.total + grown > this.#limit - this.#headroom / 2
  }

  /** @returns whether so many bytes more leave the headroom free, after an eviction if need be */
  #makeRoom(bytes: number): Promise<boolean> {
    const next = this.#checking.then(() => this.#check(bytes))
    this.#checking = next.catch(() => undefined)
    return next
  }

  async #check(bytes: number): Promise<boolean> {
    const collector = await this.#session.store.collector()
    const most = this.#limit - this.#headroom - bytes
    if ((await this.#measure(collector)) <= most) return true
    this.#beforeCollection()
    await collector.collect({ all: true, bytes: this.#last.total - most + this.#headroom })
    return (await this.#measure(collector)) <= most
  }

  async #measure(collector: Collector): Promise<number> {
    const free = this.#free()
    const { total } = await collector.usage()
    this.#last = { total, free, time: this.#session.effects.monotonic() }
    return total
  }

  #free(): number {
    const { bfree, bsize } = statfsSync(this.#session.store.layout.root)
    return bfree * bsize
  }

  /** @param bytes that were asked for, besides what has to stay free */
  #error(bytes = 0): TsbError {
    const size = (value: number): string => `${Number((value / 1e6).toPrecision(3))}MB`
    const taken = `what is in use and what has a name takes ${size(this.#last.total)} of the store's \`${size(this.#limit)}\``
    return new TsbError('TSB_STORE_CAP', `${taken}, and ${size(bytes + this.#headroom)} of room are needed`, {
      fault: 'host',
      hint: 'raise `--max-disk`, or see with `tsbuild du` what takes so much',
    })
  }
}

/** What is in a lease's directory; nothing when that has gone. */
function entriesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name))
  } catch {
    return []
  }
}
