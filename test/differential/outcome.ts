import type { FlatImage } from '../tools/compare/image.ts'
import { renderImage } from './render.ts'

/** What came of a build, on either side. */
export type Outcome =
  | { readonly kind: 'image'; readonly image: FlatImage }
  /** `step`: a program of the build failed. `input`: the Dockerfile or the context is wrong. */
  | { readonly kind: 'failure'; readonly fault: 'input' | 'step'; readonly code: string; readonly message: string }

/** The text of a case's `expect` section. */
export function renderOutcome(outcome: Outcome, base: FlatImage): string {
  return outcome.kind === 'image' ? renderImage(outcome.image, base) : `fails by ${outcome.fault}\n`
}

/** What BuildKit's error says. */
export function failureOf(error: unknown): Extract<Outcome, { kind: 'failure' }> {
  const message = error instanceof Error ? error.message : String(error)
  const fault = /did not complete successfully: exit code/.test(message) ? 'step' : 'input'
  return { kind: 'failure', fault, code: '', message }
}
