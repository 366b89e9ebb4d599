import { posix } from 'node:path'
import { isTsbError } from '../core/error.ts'
import { patternToRegex } from '../core/pattern.ts'
import type { SourceFile, Span } from '../core/span.ts'
import { Problems, problem } from './problems.ts'
import { trim, trimEnd, trimStart } from './space.ts'
import type { IgnoreFile, IgnoreFileRule } from './types.ts'

/**
 * Reads a `.dockerignore` as moby's `ignorefile` and `patternmatcher` do: comments only in the first column, blanks
 * trimmed, paths cleaned, a leading slash dropped.
 * @throws TsbError `TSB_IGNORE_INVALID`, with all bad lines as diagnostics
 */
export function parseIgnore(file: SourceFile): IgnoreFile {
  const problems = new Problems()
  const rules: IgnoreFileRule[] = []
  const lines = file.text.replace(/^\uFEFF/, '').split('\n')
  for (const [index, line] of lines.entries()) {
    if (line.startsWith('#') || trim(line) === '') continue
    const span: Span = {
      file,
      start: { line: index + 1, column: line.length - trimStart(line).length + 1 },
      end: { line: index + 1, column: trimEnd(line).length + 1 },
    }
    const rule = problems.attempt(span, () => readRule(trim(line), index + 1, span))
    if (rule !== undefined) rules.push(rule)
  }
  problems.throwIfAny()
  return { file, rules }
}

/** The rule that keeps `path` (with or without leading slash) out of the context, through itself or a parent. */
export function ignoredBy(ignore: IgnoreFile, path: string): IgnoreFileRule | undefined {
  const parts = posix
    .normalize(path)
    .split('/')
    .filter((part) => part !== '' && part !== '.')
  let excluded: IgnoreFileRule | undefined
  for (const rule of ignore.rules) {
    // A rule can only change the verdict that stands.
    if ((excluded !== undefined) !== rule.negated) continue
    const regex = new RegExp(rule.regex, 'u')
    const matches = parts.some((_, index) => regex.test(parts.slice(0, index + 1).join('/')))
    if (matches) excluded = rule.negated ? undefined : rule
  }
  return excluded
}

function readRule(pattern: string, line: number, span: Span): IgnoreFileRule {
  const negated = pattern.startsWith('!')
  const path = trim(negated ? pattern.slice(1) : pattern)
  if (path === '') throw problem('TSB_IGNORE_INVALID', '`!` alone takes nothing back', span, 'write the path after the `!`')
  const cleaned = clean(path)
  try {
    return { regex: patternToRegex(cleaned), negated, pattern, line }
  } catch (error) {
    if (!isTsbError(error)) throw error
    throw problem('TSB_IGNORE_INVALID', error.message, span, error.hint)
  }
}

/** Go's `filepath.Clean`, and without the leading slash unless that is all. */
function clean(path: string): string {
  const normal = posix.normalize(path)
  const short = normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
  return short.length > 1 && short.startsWith('/') ? short.slice(1) : short
}
