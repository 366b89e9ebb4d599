import type { StepNote } from './step-note.ts'

/**
 * Finds the steps of an earlier build that the present ones once were, though the Dockerfile was edited between: as a diff of two
 * texts, first by what is equal, then between equal steps by what is ever more alike, and at last by equal steps that have moved.
 * Nearly linear: tokens are told apart by their count, so each level is one longest increasing subsequence.
 * @returns for each present step, by its place, the earlier one
 */
export function alignSteps(earlier: readonly StepNote[], present: readonly StepNote[]): ReadonlyMap<number, StepNote> {
  const pairs = new Map<number, number>()
  matchLevel(LEVELS, { earlier, present, pairs }, [0, earlier.length], [0, present.length])
  matchMoved({ earlier, present, pairs })
  const found = new Map<number, StepNote>()
  for (const [index, old] of pairs) found.set(index, earlier[old] as StepNote)
  return found
}

interface Matching {
  readonly earlier: readonly StepNote[]
  readonly present: readonly StepNote[]
  /** Places in `present` to places in `earlier`. */
  readonly pairs: Map<number, number>
}

type Range = readonly [from: number, to: number]
type Token = (note: StepNote) => string

/** From the very same step to one that merely does the same kind of thing in the same place. */
const LEVELS: readonly Token[] = [
  ({ stage, kind, text }) => `${kind} ${stage}\n${text}`,
  ({ kind, text }) => `${kind}\n${text}`,
  ({ stage, kind, text }) => `${kind} ${stage}\n${shapeOf(text)}`,
  ({ kind, text }) => `${kind}\n${shapeOf(text)}`,
  ({ stage, kind, text }) => `${kind} ${stage}\n${wordOf(text)}`,
  ({ kind, text }) => `${kind}\n${wordOf(text)}`,
]

/** Pairs what has equal tokens in both ranges, in order; what lies between two pairs is left to the next level. */
function matchLevel(levels: readonly Token[], matching: Matching, old: Range, now: Range): void {
  const [token, ...rest] = levels
  if (token === undefined || old[0] >= old[1] || now[0] >= now[1]) return
  let [fromOld, fromNow] = [old[0], now[0]]
  for (const [index, place] of [...commonSequence(token, matching, old, now), [now[1], old[1]] as const]) {
    matchLevel(rest, matching, [fromOld, place], [fromNow, index])
    if (index < now[1]) matching.pairs.set(index, place)
    fromOld = place + 1
    fromNow = index + 1
  }
}

/** The longest run of pairs (present, earlier) that grows on both sides. The n-th of equal tokens can only be the n-th. */
function commonSequence(token: Token, { earlier, present }: Matching, old: Range, now: Range): (readonly [number, number])[] {
  const places = new Map<string, number>()
  for (const [name, place] of counted(token, earlier, old)) places.set(name, place)
  const candidates: (readonly [number, number])[] = []
  for (const [name, index] of counted(token, present, now)) {
    const place = places.get(name)
    if (place !== undefined) candidates.push([index, place])
  }
  return longestIncreasing(candidates)
}

function* counted(token: Token, notes: readonly StepNote[], [from, to]: Range): Generator<readonly [string, number]> {
  const counts = new Map<string, number>()
  for (let index = from; index < to; index++) {
    const name = token(notes[index] as StepNote)
    const count = counts.get(name) ?? 0
    counts.set(name, count + 1)
    yield [`${count} ${name}`, index]
  }
}

/** Patience sorting: the piles' tops are kept, and of each pair the one that it can follow. */
function longestIncreasing(pairs: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const tops: number[] = []
  const before: number[] = []
  for (const [index, [, place]] of pairs.entries()) {
    let [low, high] = [0, tops.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((pairs[tops[middle] as number]?.[1] ?? 0) < place) low = middle + 1
      else high = middle
    }
    before[index] = low === 0 ? -1 : (tops[low - 1] as number)
    tops[low] = index
  }
  const sequence: (readonly [number, number])[] = []
  for (let at = tops.at(-1) ?? -1; at >= 0; at = before[at] as number) sequence.push(pairs[at] as readonly [number, number])
  return sequence.reverse()
}

/** A step that stands elsewhere now is found by its text, whatever stands around it. */
function matchMoved({ earlier, present, pairs }: Matching): void {
  const taken = new Set(pairs.values())
  const free = new Map<string, number[]>()
  for (const [place, { kind, text }] of earlier.entries()) {
    if (!taken.has(place)) free.set(`${kind}\n${text}`, [...(free.get(`${kind}\n${text}`) ?? []), place])
  }
  for (const [index, { kind, text }] of present.entries()) {
    if (pairs.has(index)) continue
    const place = free.get(`${kind}\n${text}`)?.shift()
    if (place !== undefined) pairs.set(index, place)
  }
}

/** What an edit mostly leaves: of a COPY where it copies to, of a RUN its program, of others their word. */
function shapeOf(text: string): string {
  const words = text.split(/\s+/)
  const plain = words.slice(1).filter((word) => !word.startsWith('--'))
  const word = wordOf(text)
  if (word === 'COPY' || word === 'ADD') return `${word} ${plain.at(-1) ?? ''}`
  return `${word} ${plain[0] ?? ''}`
}

function wordOf(text: string): string {
  return (/\S+/.exec(text)?.[0] ?? '').toUpperCase()
}
