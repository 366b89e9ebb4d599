import { alignSteps } from './align.ts'
import type { StepNote } from './step-note.ts'

/** Gives steps that have no key that of the step which they were in an earlier build; of several builds the first counts that knows one. */
export function inheritKeys(notes: readonly StepNote[], earlier: readonly (readonly StepNote[])[]): readonly StepNote[] {
  const alignments = earlier.map((build) => alignSteps(build, notes))
  return notes.map((note, index) => {
    const key = note.key ?? alignments.map((found) => found.get(index)?.key).find((known) => known !== undefined)
    return key === undefined ? note : { ...note, key }
  })
}
