import type { Diagnostic } from '../../core/diagnostic.ts'
import type { TsbError } from '../../core/error.ts'
import type { SourceFile } from '../../core/span.ts'
import { analyse } from '../analyse.ts'
import type { CompileRequest, ResolveImage } from '../types.ts'

/** What `--check` found. */
export interface CheckReport {
  readonly file: SourceFile
  /** Findings of the build checks, in BuildKit's order. */
  readonly warnings: readonly Diagnostic[]
  /** Why it cannot be built; BuildKit would have told the first only. */
  readonly errors: readonly Diagnostic[]
  /** All of them as one error, to be told to people. */
  readonly failure?: TsbError
}

/**
 * Looks through a Dockerfile: all stages, or those that the target needs where one is asked for.
 * @throws TsbError what `resolveImage` throws
 */
export async function check(request: CompileRequest, resolveImage: ResolveImage): Promise<CheckReport> {
  const everything = request.target === undefined || request.target === ''
  const { problems } = await analyse(request, resolveImage, everything)
  const { warnings, errors, failure } = problems
  return { file: request.dockerfile, warnings, errors, ...(failure === undefined ? {} : { failure }) }
}
