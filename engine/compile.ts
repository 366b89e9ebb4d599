import type { BuildPlan } from '../core/image-plan.ts'
import { hostPlatform, type Platform, parsePlatform } from '../core/platform.ts'
import type { CompileRequest, TimeSource } from '../frontend/index.ts'
import { type Building, contextHost } from './building.ts'
import type { MainContext } from './contexts/main.ts'
import type { NamedContexts } from './contexts/named.ts'
import { LAYOUT_SCHEME } from './contexts/value.ts'
import type { Environment } from './host.ts'
import { metadataTaskName, resolveImage } from './resolve.ts'
import type { TaskProgress } from './tasks.ts'
import type { BuildOptions } from './types.ts'

/** Compiles the build's Dockerfile, looking up the base images that its target needs. @throws TsbError `TSB_DOCKERFILE_*`, `TSB_REGISTRY_*` */
export async function compileFiles(building: Building, main: MainContext, named: NamedContexts): Promise<BuildPlan> {
  const { session, options, runTask, signal } = building
  const { compile } = await import('../frontend/index.ts')
  const request: CompileRequest = {
    ...compileRequest(options, session.env, main, named),
    timeOf: (source) => runTask('[internal] resolve SOURCE_DATE_EPOCH', (progress) => sourceTime(building, main, named, source, progress)),
  }
  return compile(request, (reference: string, wanted: Platform) =>
    runTask(metadataTaskName(reference, wanted), async () => {
      if (!reference.startsWith(LAYOUT_SCHEME)) return resolveImage(session, reference, wanted, options.pull, signal)
      const { resolveLayoutImage } = await import('./contexts/layout.ts')
      return resolveLayoutImage(session, reference, wanted, signal)
    }),
  )
}

async function sourceTime(
  building: Building,
  main: MainContext,
  named: NamedContexts,
  source: TimeSource,
  progress: TaskProgress,
): Promise<number | undefined> {
  const { timeOf } = await import('./contexts/time.ts')
  const sources = new Map([...named.sources, ['context', main.source]] as const)
  return timeOf(source, sources, contextHost(building), { signal: building.signal, progress })
}

/** What the frontend is asked. */
export function compileRequest(
  options: BuildOptions,
  env: Environment,
  { dockerfile, ignore }: MainContext,
  named: NamedContexts,
): CompileRequest {
  return {
    dockerfile,
    ignore,
    platform: options.platform === undefined ? hostPlatform() : parsePlatform(options.platform),
    buildPlatform: hostPlatform(),
    buildArgs: buildArgs(options, env),
    labels: options.labels,
    noCache: options.noCache,
    noCacheFilter: options.noCacheFilter,
    contexts: named.meanings,
    ...(options.target === undefined ? {} : { target: options.target }),
  }
}

/** The build arguments: values without `=` come from the environment, and so does SOURCE_DATE_EPOCH, as with buildx. */
export function buildArgs(options: BuildOptions, env: Environment): ReadonlyMap<string, string> {
  const args = new Map<string, string>()
  const epoch = env['SOURCE_DATE_EPOCH']
  if (epoch !== undefined && epoch !== '') args.set('SOURCE_DATE_EPOCH', epoch)
  for (const [name, value] of options.buildArgs) {
    const chosen = value ?? env[name]
    if (chosen !== undefined) args.set(name, chosen)
  }
  return args
}
