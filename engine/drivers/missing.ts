import { type ErrorCode, TsbError } from '../../core/error.ts'
import type { StepResult } from './result.ts'

/** The error of a COPY, or of a mount, whose source is not there; it names the ignore rule that hides it, if one does. */
export async function sourceMissing(source: StepResult, path: string, code: ErrorCode = 'TSB_COPY_SOURCE_MISSING'): Promise<TsbError> {
  const where = source.kind === 'directory' ? 'the build context' : 'the source stage, image or context'
  return new TsbError(code, `\`${path}\` is not in ${where}`, {
    fault: 'input',
    hint: (await hidden(source, path)) ?? 'check the path: it is relative to the root of its source',
  })
}

async function hidden(source: StepResult, path: string): Promise<string | undefined> {
  if (source.kind !== 'directory' || source.local.ignore === undefined) return undefined
  const { ignore } = source.local
  const { ignoredBy } = await import('../../frontend/index.ts')
  const rule = ignoredBy(ignore, path.slice(1))
  return rule === undefined
    ? undefined
    : `\`${rule.pattern}\` on line ${rule.line} of \`${ignore.file.name}\` excludes it: add \`!${path.slice(1)}\` below`
}
