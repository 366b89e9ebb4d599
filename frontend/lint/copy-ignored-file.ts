import { hasWildcard } from '../../core/pattern.ts'
import { ignoredBy } from '../ignore.ts'
import type { Problems } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import type { IgnoreFile } from '../types.ts'
import { warning } from './rule.ts'

/** CopyIgnoredFile: a source that the ignore file hides. Files with `!` rules are too hard to judge by name alone. */
export function copyIgnoredFile(raw: RawInstruction, path: string, ignore: IgnoreFile | undefined, problems: Problems): void {
  if (ignore === undefined || path === '/' || hasWildcard(path) || ignore.rules.some((rule) => rule.negated)) return
  const rule = ignoredBy(ignore, path)
  if (rule === undefined) return
  const where = `\`${rule.pattern}\` in line ${rule.line} of \`${ignore.file.name}\``
  problems.warn(
    warning('CopyIgnoredFile', {
      message: `\`${path.slice(1)}\` is excluded by ${where}`,
      hint: 'take the rule out, or the source',
      span: raw.span,
    }),
  )
}
