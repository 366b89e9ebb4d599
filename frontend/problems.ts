import type { Diagnostic } from '../core/diagnostic.ts'
import { type ErrorCode, isTsbError, TsbError } from '../core/error.ts'
import type { Span } from '../core/span.ts'

const LENGTH_LIMIT = 400

/** One problem of the user's file, to be thrown by whatever reads a part of it and gathered by `Problems`. */
export function problem(code: ErrorCode, message: string, span: Span | undefined, hint?: string): TsbError {
  return new TsbError(code, shorten(message), {
    fault: 'input',
    ...(hint === undefined ? {} : { hint: shorten(hint) }),
    ...(span === undefined ? {} : { spans: [span] }),
  })
}

/** What was written can be as long as it likes, but a message is one line that somebody reads. */
function shorten(text: string): string {
  return text.length > LENGTH_LIMIT ? `${text.slice(0, LENGTH_LIMIT - 80)}…${text.slice(-60)}` : text
}

/** Everything that is wrong with a file, so that the user hears of all of it at once. */
export class Problems {
  readonly #errors: Diagnostic[] = []
  readonly #warnings: Diagnostic[] = []

  /** Runs `step`; a problem it throws is kept (placed at `span`, the instruction, when it has no place) and `undefined` returned. */
  attempt<T>(span: Span | undefined, step: () => T): T | undefined {
    try {
      return step()
    } catch (error) {
      this.add(error, span)
      return undefined
    }
  }

  /** Keeps a problem of the input; anything else is thrown on. */
  add(error: unknown, span: Span | undefined): void {
    if (!isTsbError(error) || (error.fault !== 'input' && error.fault !== 'usage')) throw error
    if (error.diagnostics.length > 0) {
      this.#errors.push(...error.diagnostics)
      return
    }
    const spans = error.spans.length > 0 || span === undefined ? error.spans : [span]
    this.#errors.push({
      severity: 'error',
      code: error.code,
      message: error.message,
      spans,
      ...(span === undefined ? {} : { within: span }),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    })
  }

  /**
   * Keeps a warning. After an error there are no more: BuildKit stops there, and what comes later may only be a consequence of
   * what could not be read.
   */
  warn(warning: Diagnostic): void {
    if (!this.any) this.#warnings.push(warning)
  }

  get any(): boolean {
    return this.#errors.length > 0
  }

  /** In the order in which they were found: BuildKit's. */
  get errors(): readonly Diagnostic[] {
    return this.#errors
  }

  get warnings(): readonly Diagnostic[] {
    return this.#warnings
  }

  /** @throws TsbError see `failure` */
  throwIfAny(): void {
    const { failure } = this
    if (failure !== undefined) throw failure
  }

  /** An error with the code of the first error in the file, and all of them as `diagnostics`. */
  get failure(): TsbError | undefined {
    const errors = [...this.#errors].sort(byPlace)
    const first = errors[0]
    if (first === undefined) return undefined
    const details = { fault: 'input', spans: first.spans, diagnostics: errors } as const
    if (errors.length === 1) {
      return new TsbError(first.code as ErrorCode, first.message, { ...details, ...(first.hint === undefined ? {} : { hint: first.hint }) })
    }
    const where = first.spans[0] === undefined ? '' : ` in \`${first.spans[0].file.name}\``
    const hint = 'mend them one by one: most come with a hint of their own'
    return new TsbError(first.code as ErrorCode, `${errors.length} problems${where}`, { ...details, hint })
  }
}

function byPlace(a: Diagnostic, b: Diagnostic): number {
  const first = a.spans[0]?.start
  const second = b.spans[0]?.start
  return (first?.line ?? 0) - (second?.line ?? 0) || (first?.column ?? 0) - (second?.column ?? 0)
}
