import type { BuildEvent } from '../../core/event.ts'
import { renderFailure } from './failure.ts'
import type { Renderer } from './renderer.ts'
import { BuildRows } from './rows.ts'

/** Nothing, until a step fails: then the end of its log. */
export class QuietRenderer implements Renderer {
  readonly #rows = new BuildRows()
  readonly #write: (text: string) => void

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  event(event: BuildEvent): void {
    this.#rows.apply(event)
  }

  tick(): void {}

  close(): void {
    for (const row of this.#rows.rows.values()) {
      const block = renderFailure(row, 10)
      if (block !== '') this.#write(block)
    }
  }
}
