import type { RawInstruction } from '../source.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = {
  name: 'MaintainerDeprecated',
  description: 'The MAINTAINER instruction is deprecated, use a label instead to define an image author',
}

export function checkMaintainerDeprecated(raw: RawInstruction, checks: Checks): void {
  checks.report(RULE, raw.comments, () => ({
    raw,
    detail: 'Maintainer instruction is deprecated in favor of using label',
    hint: `write \`LABEL org.opencontainers.image.authors="${raw.rest.replaceAll('"', '')}"\``,
    at: raw.places.keyword(),
  }))
}
