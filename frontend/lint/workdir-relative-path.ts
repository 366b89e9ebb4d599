import type { Diagnostic } from '../../core/diagnostic.ts'
import type { RawInstruction } from '../source.ts'
import { warning } from './rule.ts'

/** WorkdirRelativePath: where a stage's first WORKDIR leads depends on the base image. Found once its path is expanded. */
export function workdirRelativePath(raw: RawInstruction, path: string): Diagnostic {
  return warning('WorkdirRelativePath', {
    message: `\`${path}\` is relative to the base image's directory`,
    hint: 'begin the path with `/`',
    span: raw.span,
  })
}
