import { TsbError } from '../core/error.ts'
import type { BuildPlan } from '../core/image-plan.ts'
import { type Analysed, analyse } from './analyse.ts'
import type { CompileRequest, ResolveImage } from './types.ts'

export { emptyImage } from './analyse.ts'
export { type CheckReport, check } from './call/check.ts'
export { type Outline, type OutlineArg, type OutlineRequest, outline } from './call/outline.ts'
export { listTargets, type Target, type TargetList } from './call/targets.ts'
export { ignoredBy, parseIgnore } from './ignore.ts'
export { type GitReference, isHttpUrl, parseGit } from './remote.ts'
export { suggest } from './suggest.ts'
export type { CompileRequest, IgnoreFile, IgnoreFileRule, NamedContext, ResolveImage, TimeSource } from './types.ts'

/**
 * Compiles a Dockerfile (Dockerfile reference; BuildKit where that is silent) into the steps and the image config of
 * one target on one platform. Pure but for `resolveImage`, which is asked about every base that the target needs.
 * @throws TsbError fault `input` with all problems of the file as `diagnostics` and the code of the first of them; or
 *   what `resolveImage` throws, with the line that names the image
 */
export async function compile(request: CompileRequest, resolveImage: ResolveImage): Promise<BuildPlan> {
  const { problems, analysed } = await analyse(request, resolveImage, false)
  const [first] = problems.errors
  if (first?.code === 'TSB_DOCKERFILE_CHECK') {
    // What was found is what the user has to mend.
    const { message, hint = '' } = first
    const spans = problems.warnings[0]?.spans ?? []
    throw new TsbError('TSB_DOCKERFILE_CHECK', message, { fault: 'input', hint, spans, diagnostics: problems.warnings })
  }
  problems.throwIfAny()
  const { plan } = analysed as Analysed
  return { ...plan, diagnostics: problems.warnings }
}
