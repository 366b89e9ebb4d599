import { isUtf8 } from 'node:buffer'
import type { Diagnostic } from '../../core/diagnostic.ts'
import type { BuildEvent } from '../../core/event.ts'
import type { SourceFile, Span } from '../../core/span.ts'

/**
 * Events as lines of JSON, each close to its event. What would stand there again and again is told once: the text of a file that
 * diagnostics point into, and steps that were cached at the same moment. The steps themselves stand in the build's list of steps.
 */
export class EventEncoder {
  readonly #hide: (text: string) => string
  readonly #files: SourceFile[] = []
  #lines: string[] = []
  #cached: { readonly time: number; readonly steps: number[] } | undefined
  #length = 0

  /** `hide` takes out of names and messages what must not be kept. */
  constructor(hide: (text: string) => string) {
    this.#hide = hide
  }

  /** Characters that wait to be taken, without a last run of cached steps. */
  get length(): number {
    return this.#length
  }

  push(event: BuildEvent): void {
    if (event.kind === 'step-done' && event.outcome.kind === 'cached') {
      if (this.#cached?.time === event.time) this.#cached.steps.push(event.step)
      else {
        this.#endCached()
        this.#cached = { time: event.time, steps: [event.step] }
      }
      return
    }
    this.#endCached()
    this.#line(this.#plain(event))
  }

  /** All lines since the last call. */
  take(): string {
    this.#endCached()
    const text = this.#lines.join('')
    this.#lines = []
    this.#length = 0
    return text
  }

  #endCached(): void {
    if (this.#cached === undefined) return
    this.#line({ kind: 'cached', ...this.#cached })
    this.#cached = undefined
  }

  #line(value: object): void {
    const line = `${JSON.stringify(value)}\n`
    this.#length += line.length
    this.#lines.push(line)
  }

  #plain(event: BuildEvent): object {
    switch (event.kind) {
      case 'graph':
        return { kind: event.kind, time: event.time, steps: event.steps.map(({ step }) => step) }
      case 'task-started':
        return { ...event, name: this.#hide(event.name) }
      case 'task-done':
      case 'build-done':
        return event.error === undefined ? event : { ...event, error: this.#hide(event.error) }
      case 'step-done':
        return event.outcome.kind === 'failed'
          ? { ...event, outcome: { ...event.outcome, message: this.#hide(event.outcome.message) } }
          : event
      case 'step-log': {
        const { data, ...rest } = event
        return { ...rest, ...encodeData(data) }
      }
      case 'diagnostic':
        return { ...event, diagnostic: this.#diagnostic(event.diagnostic) }
      default:
        return event
    }
  }

  #diagnostic({ spans, within, ...rest }: Diagnostic): object {
    return {
      ...rest,
      message: this.#hide(rest.message),
      spans: spans.map((span) => this.#span(span)),
      ...(within === undefined ? {} : { within: this.#span(within) }),
    }
  }

  #span({ file, start, end }: Span): object {
    let index = this.#files.indexOf(file)
    if (index < 0) {
      index = this.#files.push(file) - 1
      this.#line({ kind: 'file', name: file.name, text: this.#hide(file.text) })
    }
    return { file: index, start, end }
  }
}

function encodeData(data: Uint8Array): { readonly text: string } | { readonly base64: string } {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return isUtf8(bytes) ? { text: bytes.toString('utf8') } : { base64: bytes.toString('base64') }
}
