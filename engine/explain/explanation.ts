import type { StepOutcome } from '../../core/event.ts'
import type { MissCause } from '../../core/miss.ts'
import type { BuildSummary, RecordedBuild } from '../history/types.ts'

/** A build, and why each of its steps ran or did not. */
export interface Explanation {
  readonly build: BuildSummary
  readonly steps: readonly ExplainedStep[]
}

/** One step of a build. */
export interface ExplainedStep {
  /** Its place in the build, counted from 1. */
  readonly number: number
  readonly name: string
  /** The instruction as written. */
  readonly text: string
  readonly stage: string
  /** `unneeded`: nothing that was asked for needed it, or the build had failed before. */
  readonly outcome: StepOutcome['kind'] | 'unneeded'
  /** Milliseconds; of a step that did not run, none. */
  readonly duration: number
  /** Empty where it did not miss. */
  readonly causes: readonly MissCause[]
  /** Numbers of the steps it takes something from. */
  readonly inputs: readonly number[]
  /** Numbers of the steps that missed because of what this one made. */
  readonly ledTo: readonly number[]
}

/** Reads out of a recorded build why its steps ran. Nothing but the record is looked at: layers and trees may be gone. */
export async function explainBuild(recorded: RecordedBuild): Promise<Explanation> {
  const { notes, events, ...build } = recorded
  const started = new Map<number, number>()
  const ended = new Map<number, { readonly outcome: StepOutcome['kind']; readonly time: number }>()
  const causes = new Map<number, readonly MissCause[]>()
  for await (const event of events()) {
    if (event.kind === 'step-started') started.set(event.step, event.time)
    if (event.kind === 'step-missed') causes.set(event.step, event.causes)
    if (event.kind === 'step-done') ended.set(event.step, { outcome: event.outcome.kind, time: event.time })
  }
  const led = (step: number): readonly number[] =>
    notes.filter((note) => note.inputs.includes(step) && isLed(causes.get(note.step) ?? [])).map((note) => note.step + 1)
  const ran = (step: number): boolean => !['cached', undefined].includes(ended.get(step)?.outcome)
  const steps = notes.map(({ step, name, text, stage, inputs }): ExplainedStep => {
    const end = ended.get(step)
    return {
      number: step + 1,
      name,
      text,
      stage,
      outcome: end?.outcome ?? 'unneeded',
      duration: end === undefined ? 0 : Math.max(0, end.time - (started.get(step) ?? end.time)),
      causes: causes.get(step) ?? [],
      inputs: inputs.map((input) => input + 1),
      ledTo: ran(step) ? led(step) : [],
    }
  })
  return { build, steps }
}

/** Whether an input was among the causes. */
function isLed(causes: readonly MissCause[]): boolean {
  return causes.some(({ kind }) => kind === 'parent' || kind === 'files' || kind === 'base')
}
