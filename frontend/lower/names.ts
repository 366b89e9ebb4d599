import { expand } from '../expand.ts'
import type { RawInstruction } from '../source.ts'

type Command = Pick<RawInstruction, 'text' | 'escape'>

/** Numbers a stage's steps: `[build 2/5] RUN make`. */
export class StepNames {
  readonly #label: string
  readonly #total: number
  #index = 0

  /** `label` is empty when the file has one stage only. */
  constructor(label: string, total: number) {
    this.#label = label
    this.#total = total
  }

  next(text: string): string {
    this.#index++
    return this.again(text)
  }

  /** A further vertex of the step that came last. */
  again(text: string): string {
    const total = String(this.#total)
    const stage = this.#label === '' ? '' : `${this.#label} `
    return `[${stage}${String(this.#index).padStart(total.length)}/${total}] ${text}`
  }

  /** Number of the step that came last. */
  get index(): number {
    return this.#index
  }

  /** Counts a step that has no vertex. */
  skip(): void {
    this.#index++
  }
}

/** An instruction as its step is called: keyword in upper case, variables expanded, quotes removed. */
export function displayText(raw: Command, variables: ReadonlyMap<string, string>): string {
  return display(raw, variables, false)
}

/** The same for RUN, whose quotes and unset variables are the shell's matter. */
export function displayRunText(raw: Command, variables: ReadonlyMap<string, string>): string {
  return display(raw, variables, true)
}

/** Shorter values stand in others by accident. */
const SHORTEST_HIDDEN = 4

/**
 * Variables as names of steps may show them: what the user gave as a build argument, and whatever holds it, stays a name. Names are kept,
 * logged and sent around; a token must not be.
 */
export function shownVariables(variables: ReadonlyMap<string, string>, given: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  if (given.size === 0) return variables
  const values = [...given.values()].filter((value) => value.length >= SHORTEST_HIDDEN)
  const isHidden = (name: string, value: string): boolean => given.has(name) || values.some((each) => value.includes(each))
  return new Map([...variables].map(([name, value]) => [name, isHidden(name, value) ? `\${${name}}` : value]))
}

function display(raw: Command, variables: ReadonlyMap<string, string>, forShell: boolean): string {
  let text = raw.text
  try {
    text = expand(text, (name) => variables.get(name), { escape: raw.escape, keepQuotes: forShell, keepUnset: forShell }).text
  } catch {
    // A shell script need not be well-formed for us.
  }
  const blank = text.indexOf(' ')
  return blank < 0 ? text.toUpperCase() : text.slice(0, blank).toUpperCase() + text.slice(blank)
}
