import { goQuote } from '../lower/go-print.ts'
import type { RawInstruction } from '../source.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = {
  name: 'WorkdirRelativePath',
  description:
    'Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes',
}

/** Where a stage's first WORKDIR leads depends on the base image, if it is relative. */
export function workdirRelativePath(raw: RawInstruction, path: string, checks: Checks): void {
  checks.report(RULE, raw.comments, () => ({
    raw,
    detail: `Relative workdir ${goQuote(path)} can have unexpected results if the base image changes`,
    hint: 'begin the path with `/`',
  }))
}
