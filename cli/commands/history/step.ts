import { TsbError } from '../../../core/error.ts'
import type { BuildSummary } from '../../../engine/types.ts'

/**
 * The step that a word means: its number, counted from 1 as `history inspect` and `explain` print it, or a part of its name.
 * @throws TsbError `TSB_HISTORY_STEP_UNKNOWN`
 */
export function findStep<Step extends { readonly name: string }>({ notes }: { readonly notes: readonly Step[] }, word: string): Step {
  const number = /^\d+$/.test(word) ? notes[Number(word) - 1] : undefined
  const named = number === undefined ? notes.filter(({ name }) => name.toLowerCase().includes(word.toLowerCase())) : [number]
  const [first] = named
  if (first !== undefined && named.length === 1) return first
  throw new TsbError('TSB_HISTORY_STEP_UNKNOWN', `${named.length === 0 ? 'no step' : 'more than one step'} of that build is \`${word}\``, {
    fault: 'input',
    hint: 'list its steps with `tsbuild history inspect`',
  })
}

/** What became of a step that did not begin. */
export function notBegun(status: BuildSummary['status']): string {
  return status === 'completed' ? 'not needed' : 'not reached'
}
