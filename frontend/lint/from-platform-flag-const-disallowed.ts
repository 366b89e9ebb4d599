import type { Platform } from '../../core/platform.ts'
import type { FromInstruction } from '../instructions/from.ts'
import { goQuote } from '../lower/go-print.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = { name: 'FromPlatformFlagConstDisallowed', description: 'FROM --platform flag should not use a constant value' }

/** A constant platform makes a stage the same for every target; its name may say that this is meant. */
export function checkConstantPlatform({ raw, name }: FromInstruction, written: string, platform: Platform, checks: Checks): void {
  if (name.includes(platform.os) || name.includes(platform.architecture)) return
  checks.report(RULE, raw.comments, () => ({
    raw,
    detail: `FROM --platform flag should not use constant value ${goQuote(written)}`,
    hint: 'take the platform from an `ARG`, or name the stage after it',
    at: raw.places.word('--platform'),
  }))
}
