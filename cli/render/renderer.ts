import type { BuildEvent } from '../../core/event.ts'

/** A view of a build. A fold over its events; `tick` lets it show time passing. */
export interface Renderer {
  event(event: BuildEvent): void
  tick(now: number): void
  /** The last thing called: leaves the terminal as it was found, below what it has to say. */
  close(): void
}
