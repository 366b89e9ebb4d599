import type { Span } from '../../core/span.ts'
import type { Problems } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import { Nearest } from '../suggest.ts'
import { type CheckOptions, commentOptions } from './options.ts'
import { type Finding, type Rule, ruleUrl } from './rule.ts'

/** Where the rules report: keeps what nobody switched off, in the order of BuildKit. */
export class Checks {
  readonly nearest: Nearest = new Nearest()
  readonly #problems: Problems
  readonly #options: CheckOptions

  constructor(problems: Problems, options: CheckOptions) {
    this.#problems = problems
    this.#options = options
  }

  /** Findings are errors, all together. */
  get failing(): boolean {
    return this.#options.error
  }

  /**
   * Keeps what `find` says, unless the file's options or those in `comments` (above the instruction) leave the rule out. Only then
   * is it called: places cost time.
   */
  report(rule: Rule, comments: readonly string[], find: () => Finding): void {
    if (!this.#isOn(rule, comments)) return
    const { raw, detail, hint, at, within } = find()
    this.#problems.warn({
      severity: 'warning',
      code: rule.name,
      message: detail,
      hint,
      spans: [at ?? raw.span],
      within: within ?? whole(raw),
      rule: { description: rule.description, ...(rule.unlisted ? {} : { url: ruleUrl(rule.name) }) },
    })
  }

  #isOn({ name, experimental }: Rule, comments: readonly string[]): boolean {
    const all = [this.#options, commentOptions(comments)]
    const key = experimental ? 'experimental' : 'skip'
    const named = all.some((options) => options[key].has('all') || options[key].has(name))
    return experimental ? named : !named
  }
}

/** The instruction with the blank lines and comments behind a last continuation, which BuildKit counts to it. */
function whole({ span, lastLine }: RawInstruction): Span {
  return lastLine > span.end.line ? { ...span, end: { line: lastLine, column: 1 } } : span
}
