import type { MissCause } from '../../core/miss.ts'
import type { ImageOp } from '../../core/op.ts'
import { formatPlatform } from '../../core/platform.ts'
import type { StepNote } from '../../solver/explain/step-note.ts'

/** A step of an earlier build, in the list that it stands in. */
export interface EarlierStep {
  readonly note: StepNote
  readonly notes: readonly StepNote[]
}

/** Why a base is not what it was: another image is asked for, or the same name means another one now. */
export function baseCauses(op: ImageOp, { base }: StepNote): readonly MissCause[] {
  if (base === undefined) return [{ kind: 'never-built', project: 'known' }]
  const platform = formatPlatform(op.platform)
  const causes: MissCause[] = []
  if (base.reference !== op.reference) causes.push({ kind: 'instruction', from: `FROM ${base.reference}`, to: `FROM ${op.reference}` })
  if (base.platform !== platform) causes.push({ kind: 'setting', name: 'platform', from: base.platform, to: platform })
  if (causes.length > 0) return causes
  return base.image === op.image ? [{ kind: 'lost' }] : [{ kind: 'base', reference: op.reference, from: base.image, to: op.image }]
}
