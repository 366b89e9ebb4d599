import type { FromInstruction } from '../instructions/from.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = {
  name: 'RedundantTargetPlatform',
  description: 'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
}

/** The target platform is what FROM takes anyway. `used` are the variables that the platform was expanded from. */
export function checkRedundantTargetPlatform(
  { raw, platform }: FromInstruction,
  used: ReadonlySet<string>,
  same: boolean,
  checks: Checks,
): void {
  if (!same || used.size !== 1 || !used.has('TARGETPLATFORM')) return
  checks.report(RULE, raw.comments, () => ({
    raw,
    detail: `Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior`,
    hint: 'leave the flag out',
    at: raw.places.word('--platform'),
  }))
}
