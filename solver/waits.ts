import type { Digest } from '../core/digest.ts'

/** How often keys that other builds execute are looked at again: a read of a few microseconds each. */
const POLL_MS = 20

/** Who waits for which key. Waiting takes no room from what executes. */
export class KeyWaits<W> {
  readonly #isClaimed: (key: Digest) => boolean
  readonly #wake: (waiter: W) => void
  /** Keys of other builds. */
  readonly #foreign = new Map<Digest, Set<W>>()
  readonly #own = new Map<Digest, Set<W>>()
  #timer: NodeJS.Timeout | undefined

  /**
   * @param isClaimed whether another build still has a key; not asked for keys of this build
   * @param wake called when a key that another build had is free, or cannot be asked for
   */
  constructor(isClaimed: (key: Digest) => boolean, wake: (waiter: W) => void) {
    this.#isClaimed = isClaimed
    this.#wake = wake
  }

  /** Waits for a key that an equal vertex of this build has, until `free`, or that another build has. */
  add(key: Digest, waiter: W, isOwn: boolean): void {
    const keys = isOwn ? this.#own : this.#foreign
    const waiters = keys.get(key) ?? new Set()
    keys.set(key, waiters.add(waiter))
    if (!isOwn) this.#timer ??= setInterval(() => this.#poll(), POLL_MS)
  }

  /** This build gives a key back. @returns who waited for it */
  free(key: Digest): readonly W[] {
    const waiters = [...(this.#own.get(key) ?? [])]
    this.#own.delete(key)
    return waiters
  }

  /** Whoever waits does so no more. */
  remove(waiter: W): void {
    for (const keys of [this.#own, this.#foreign]) {
      for (const [key, waiters] of keys) if (waiters.delete(waiter) && waiters.size === 0) keys.delete(key)
    }
    this.#rest()
  }

  #poll(): void {
    for (const [key, waiters] of [...this.#foreign]) {
      if (this.#stillClaimed(key)) continue
      this.#foreign.delete(key)
      for (const waiter of waiters) this.#wake(waiter)
    }
    this.#rest()
  }

  /** A database that cannot be read: whoever wakes up finds out, where somebody can catch it. A timer's error would end the process. */
  #stillClaimed(key: Digest): boolean {
    try {
      return this.#isClaimed(key)
    } catch {
      return false
    }
  }

  #rest(): void {
    if (this.#foreign.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
