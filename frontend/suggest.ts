/** The candidate nearest to what was written, if it is near enough to be meant: at most a third of it differs. */
export function suggest(written: string, candidates: Iterable<string>): string | undefined {
  const wanted = written.toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - wanted.length) >= bestDistance) continue
    const distance = editDistance(wanted, candidate.toLowerCase(), true)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** A hint naming the nearest candidate, or `fallback`. */
export function didYouMean(written: string, candidates: Iterable<string>, fallback: string): string {
  const nearest = suggest(written, candidates)
  return nearest === undefined ? fallback : `did you mean \`${nearest}\`?`
}

/** How much may be compared for one file: a file of thousands of slips gets its answer without a proposal for each. */
const COMPARISONS = 500_000

/** What Docker suggests for a variable: the first of the nearest names, if at most two letters differ. For one file. */
export class Nearest {
  #left = COMPARISONS

  find(written: string, candidates: Iterable<string>): string | undefined {
    let best: string | undefined
    let bestDistance = 3
    for (const candidate of candidates) {
      if (this.#left-- <= 0) return best
      if (candidate === written) return undefined
      if (Math.abs(candidate.length - written.length) >= bestDistance) continue
      const distance = editDistance(written, candidate, false)
      if (distance >= bestDistance) continue
      best = candidate
      bestDistance = distance
    }
    return best
  }
}

/** Edits (insert, delete, replace, and where it is allowed swap neighbours) that make one text the other. */
function editDistance(a: string, b: string, maySwap: boolean): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same)
      if (maySwap && i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}
