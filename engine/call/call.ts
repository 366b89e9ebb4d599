import { interrupted } from '../../core/error.ts'
import type { OnEvent } from '../../core/event.ts'
import { familiarName, parseReference } from '../../core/reference.ts'
import type { ResolveImage } from '../../frontend/index.ts'
import { compileRequest } from '../compile.ts'
import { openMainContext } from '../contexts/main.ts'
import { namedContexts } from '../contexts/named.ts'
import type { ContextHost } from '../contexts/types.ts'
import { hostEffects } from '../host.ts'
import { metadataTaskName } from '../resolve.ts'
import { taskRunner } from '../tasks.ts'
import type { BuildOptions, CallAnswer, CallName } from '../types.ts'
import { type CallSources, lookUp } from './look-up.ts'

/** All images together get so long: a call is for editors and hooks, and its answer is good without them. */
const LOOKUP_MS = 5000

/**
 * Answers a question about a Dockerfile (buildx, `--call`). Nothing is built or written. Bases come from the store, else from their
 * registries; one that cannot be had is taken for an image with an empty config.
 * @throws TsbError `TSB_DOCKERFILE_*` where the answer is not about the file's faults, `TSB_CONTEXT_*`
 */
export async function call(
  sources: CallSources,
  name: CallName,
  options: BuildOptions,
  onEvent: OnEvent,
  signal: AbortSignal,
): Promise<CallAnswer> {
  const runTask = taskRunner(hostEffects, onEvent)
  const host: ContextHost = { options, env: sources.env, keep: sources.keep }
  const main = await runTask('[internal] load build definition', (progress) => openMainContext(host, { signal, progress }))
  const frontend = await import('../../frontend/index.ts')
  if (name === 'targets') return { kind: 'targets', list: frontend.listTargets(main.dockerfile), assumed: [] }
  const request = compileRequest(options, sources.env, main, namedContexts(host))
  const assumed = new Set<string>()
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(LOOKUP_MS)])
  const resolveImage: ResolveImage = async (reference, platform) => {
    const found = await runTask(metadataTaskName(reference, platform), () => lookUp(sources, options, reference, platform, deadline))
    if (signal.aborted) throw interrupted()
    if (found === undefined) assumed.add(familiar(reference))
    return found ?? frontend.emptyImage(reference, platform)
  }
  if (name === 'outline') return { kind: 'outline', outline: await frontend.outline(request, resolveImage), assumed: [...assumed] }
  return { kind: 'check', report: await frontend.check(request, resolveImage), assumed: [...assumed] }
}

function familiar(reference: string): string {
  try {
    return familiarName(parseReference(reference))
  } catch {
    return reference
  }
}
