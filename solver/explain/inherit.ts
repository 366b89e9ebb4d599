import { alignSteps } from './align.ts'
import type { StepNote } from './step-note.ts'

/**
 * Gives steps that have no key that of the step which they were in an earlier build, and the text it had; of several builds the first
 * counts that knows one.
 */
export function inheritKeys(notes: readonly StepNote[], earlier: readonly (readonly StepNote[])[]): readonly StepNote[] {
  const alignments = earlier.map((build) => alignSteps(build, notes))
  return notes.map((note, index) => {
    if (note.key !== undefined) return note
    const known = alignments.map((found) => found.get(index)).find((found) => found?.key !== undefined)
    if (known?.key === undefined) return note
    const text = known.keyText ?? known.text
    return { ...note, key: known.key, ...(text === note.text ? {} : { keyText: text }) }
  })
}
