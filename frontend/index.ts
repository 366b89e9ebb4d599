import { TsbError } from '../core/error.ts'
import type { BuildPlan } from '../core/image-plan.ts'
import { applySkips, checkProgram } from './lint/index.ts'
import { lowerStages } from './lower/index.ts'
import { Problems } from './problems.ts'
import { findTarget, resolveStages } from './resolve.ts'
import { globalScope } from './scope.ts'
import { readProgram } from './stages.ts'
import type { CompileRequest, ResolveImage } from './types.ts'

export { ignoredBy, parseIgnore } from './ignore.ts'
export type { CompileRequest, IgnoreFile, IgnoreFileRule, NamedContext, ResolveImage } from './types.ts'

/**
 * Compiles a Dockerfile (Dockerfile reference; BuildKit where that is silent) into the steps and the image config of
 * one target on one platform. Pure but for `resolveImage`, which is asked about every base that the target needs.
 * @throws TsbError fault `input` with all problems of the file as `diagnostics` and the code of the first of them; or
 *   what `resolveImage` throws, with the line that names the image
 */
export async function compile(request: CompileRequest, resolveImage: ResolveImage): Promise<BuildPlan> {
  const problems = new Problems()
  const program = readProgram(request.dockerfile, problems)
  problems.throwIfAny()
  const globals = globalScope(program, request, problems)
  const target = findTarget(program, request.target)
  const resolved = await resolveStages(program, target, globals, request, resolveImage, problems)
  problems.throwIfAny()
  const plan = lowerStages({ program, target, resolved, globals, request }, problems)
  problems.throwIfAny()
  const { check } = program.directives
  for (const finding of checkProgram(program)) problems.warn(finding)
  const diagnostics = applySkips(program, problems.warnings)
  const first = diagnostics[0]
  if (check.error && first !== undefined) {
    const rules = [...new Set(diagnostics.map((finding) => finding.code))].join(', ')
    const hint = 'mend them, or leave `error=true` out of the `check` directive'
    throw new TsbError('TSB_DOCKERFILE_CHECK', `checks failed: ${rules}`, { fault: 'input', hint, spans: first.spans, diagnostics })
  }
  return { ...plan, diagnostics }
}
