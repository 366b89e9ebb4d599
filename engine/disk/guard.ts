/** What keeps a store small while builds of this process write to it. */
export interface DiskGuard {
  /**
   * Returns once so many bytes more have room. What is no more than a guess (`likely`) makes room as far as there is some to make.
   * @throws TsbError `TSB_STORE_CAP`
   */
  room(needed: Needed, signal: AbortSignal): Promise<void>
  /** Whether what has been written is too much already. @throws TsbError `TSB_STORE_CAP` */
  check(): Promise<void>
}

export interface Needed {
  readonly bytes?: number
  readonly likely?: number
}

/** The guards of the builds that are under way in a session; mostly none. */
export class DiskGuards implements DiskGuard {
  readonly #guards = new Set<DiskGuard>()
  readonly #onUnused: () => void
  #users = 0

  /** @param onUnused called whenever nobody uses any more what the process has pinned */
  constructor(onUnused: () => void) {
    this.#onUnused = onUnused
  }

  /** Somebody goes to work with what the process pins, until it is disposed. */
  use(): Disposable {
    this.#users += 1
    return {
      [Symbol.dispose]: () => {
        this.#users -= 1
        if (this.#users === 0) this.#onUnused()
      },
    }
  }

  /** Whether nobody else in the process needs what it has pinned. */
  get isLastUser(): boolean {
    return this.#users <= 1
  }

  /** Whether anybody minds. */
  get areOut(): boolean {
    return this.#guards.size > 0
  }

  add(guard: DiskGuard): void {
    this.#guards.add(guard)
  }

  delete(guard: DiskGuard): void {
    this.#guards.delete(guard)
  }

  async room(needed: Needed, signal: AbortSignal): Promise<void> {
    for (const guard of this.#guards) await guard.room(needed, signal)
  }

  async check(): Promise<void> {
    for (const guard of this.#guards) await guard.check()
  }
}
