import { posix } from 'node:path'
import { ignoredBy } from '../ignore.ts'
import { goQuote } from '../lower/go-print.ts'
import type { RawInstruction } from '../source.ts'
import type { IgnoreFile } from '../types.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = { name: 'CopyIgnoredFile', description: 'Attempting to Copy file that is excluded by .dockerignore' }

const EVERYTHING = /^\/?(?:\*|\*\*|\*\*\/\*)$/

/** A source that the ignore file hides. Files with `!` rules are too hard to judge by name alone. */
export function checkCopyIgnoredFile(raw: RawInstruction, source: string, ignore: IgnoreFile | undefined, checks: Checks): void {
  if (ignore === undefined || ignore.rules.some((rule) => rule.negated)) return
  const path = clean(source)
  // The root is no path that a pattern means, but some mean all that is in it.
  const isRoot = path === '.' || path === '/'
  const rule = isRoot ? ignore.rules.find(({ pattern }) => EVERYTHING.test(pattern)) : ignoredBy(ignore, path)
  if (rule === undefined) return
  checks.report(RULE, raw.comments, () => ({
    raw,
    detail: `Attempting to ${raw.name === 'ADD' ? 'Add' : 'Copy'} file ${goQuote(path)} that is excluded by .dockerignore`,
    hint: `\`${rule.pattern}\` in line ${rule.line} of \`${ignore.file.name}\` excludes it: take the rule out, or the source`,
    at: raw.places.word(source),
  }))
}

/** Go's `filepath.Clean`. */
function clean(path: string): string {
  const normal = posix.normalize(path)
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
}
