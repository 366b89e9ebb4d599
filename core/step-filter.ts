/** Steps that people point at: all of a stage, or one by the number that it is shown with (`[build 2/5] …`). */
export interface StepFilter {
  /** Lower case: a stage's name, or the index of one that has none, alone or as `stage-1`. */
  readonly stage: string
  readonly step?: number
}

/** Reads `stage`, `stage:2`, or several of them with commas between. */
export function parseStepFilters(text: string): readonly StepFilter[] {
  const parts = text.split(',').map((part) => part.trim().toLowerCase())
  return parts.filter((part) => part !== '').map(parseStepFilter)
}

function parseStepFilter(text: string): StepFilter {
  const numbered = /^(.*):(\d+)$/.exec(text)
  if (numbered === null) return { stage: text }
  return { stage: numbered[1] ?? '', step: Number(numbered[2]) }
}

/** Whether a step is meant: by its stage, or by its own number. @param stage as of `Vertex.stage` */
export function stepFilterMatch(filters: readonly StepFilter[], stage: string, step: number): 'stage' | 'step' | undefined {
  const meant = filters.filter((filter) => filter.stage === stage || filter.stage === `stage-${stage}`)
  if (meant.some((filter) => filter.step === step)) return 'step'
  return meant.some((filter) => filter.step === undefined) ? 'stage' : undefined
}
