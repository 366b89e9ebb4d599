import type { FileMode, ModeClass, ModeStep } from '../core/file-mode.ts'

const SET_USER_ID = 0o4000
const SET_GROUP_ID = 0o2000
const STICKY = 0o1000
const ALL = SET_USER_ID | SET_GROUP_ID | 0o777

const WHO: Readonly<Record<string, number>> = { a: ALL, u: SET_USER_ID | 0o700, g: SET_GROUP_ID | 0o070, o: 0o007 }
const PERMISSIONS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111 }
const CLASSES: Readonly<Record<string, ModeClass>> = { u: 'user', g: 'group', o: 'others' }
const HOW = { '+': 'set', '-': 'clear', '=': 'replace' } as const

type Operator = keyof typeof HOW

/**
 * Reads the value of `--chmod`: octal up to 7777, or changes as in `u=rwX,go-w` (chmod(1) as BSD's setmode(3) reads them, which is
 * what BuildKit has taken over). There is no umask: no letter before the operator is all of them, the sticky bit apart.
 * @returns `undefined` when it is neither
 */
export function readFileMode(text: string): FileMode | undefined {
  if (/^[0-7]+$/.test(text)) {
    const mode = Number.parseInt(text, 8)
    return mode <= 0o7777 ? mode : undefined
  }
  const steps: ModeStep[] = []
  for (const clause of text.split(',')) {
    const match = /^([augo]*)((?:[-+=][rwxXstugo]*)+)$/.exec(clause)
    if (match === null) return undefined
    let who = [...(match[1] ?? '')].reduce((bits, letter) => bits | (WHO[letter] ?? 0), 0)
    for (const change of (match[2] ?? '').matchAll(/([-+=])([rwxXstugo]*)/g)) {
      const clause = new Clause(change[1] as Operator, who & ~STICKY)
      clause.read(change[2] ?? '')
      who = clause.who
      steps.push(...clause.steps)
    }
  }
  return steps
}

/** One operator and its letters. */
class Clause {
  readonly steps: ModeStep[] = []
  /** The bits that may change; 0 for all. */
  who: number
  readonly #operator: Operator
  /** Bits named since the last step. */
  #bits = 0
  #executable = 0
  /** `=` has cleared what it replaces. */
  #done = false

  constructor(operator: Operator, who: number) {
    this.#operator = operator
    this.who = who
  }

  read(letters: string): void {
    for (const letter of letters) this.#letter(letter)
    this.#flush(this.#operator === '=' && !this.#done)
  }

  #letter(letter: string): void {
    const forMany = this.who === 0 || (this.who & ~0o007) !== 0
    if (letter === 's') this.#bits |= forMany ? SET_USER_ID | SET_GROUP_ID : 0
    else if (letter === 't') {
      if (!forMany) return
      this.who |= STICKY
      this.#bits |= STICKY
    } else if (letter === 'X' && this.#operator !== '-') this.#executable = 0o111
    else if (letter in CLASSES) {
      this.#flush(false)
      this.#done = this.#operator === '='
      const to = this.who === 0 ? 0o777 : this.#classes()
      this.steps.push({ kind: 'copy', from: CLASSES[letter] as ModeClass, to, how: HOW[this.#operator] })
    } else this.#bits |= PERMISSIONS[letter.toLowerCase()] ?? 0
  }

  /** Makes steps of what was named; `always` also of nothing. */
  #flush(always: boolean): void {
    if (this.#bits !== 0 || always) {
      if (this.#operator === '=') {
        this.steps.push({ kind: 'clear', bits: this.who === 0 ? ALL : this.who })
        this.#done = true
      }
      const bits = this.#within(this.#bits)
      if (bits !== 0) this.steps.push({ kind: this.#operator === '-' ? 'clear' : 'set', bits })
    }
    if (this.#executable !== 0) this.steps.push({ kind: 'set-if-executable', bits: this.#within(this.#executable) })
    this.#bits = 0
    this.#executable = 0
  }

  #within(bits: number): number {
    return this.who === 0 ? bits : bits & this.who
  }

  /** Of a copy: whole classes. */
  #classes(): number {
    return [0o700, 0o070, 0o007].filter((bits) => (this.who & bits & 0o444) !== 0).reduce((all, bits) => all | bits, 0)
  }
}
