import type { BuildPlan } from '../core/image-plan.ts'
import { hostPlatform, type Platform, parsePlatform } from '../core/platform.ts'
import type { IgnoreFile } from '../frontend/index.ts'
import type { BuildFiles } from './build-files.ts'
import type { Building } from './building.ts'
import type { ExplainMissing } from './drivers/file.ts'
import { metadataTaskName, resolveImage } from './resolve.ts'

/** A Dockerfile and its ignore file, understood. */
export interface Compiled {
  readonly plan: BuildPlan
  readonly ignore?: IgnoreFile
  /** Says which ignore rule keeps a path out of the context. */
  readonly explainMissing: ExplainMissing
}

/** Compiles the build's files, looking up the base images that its target needs. @throws TsbError `TSB_DOCKERFILE_*`, `TSB_REGISTRY_*` */
export async function compileFiles(building: Building, files: BuildFiles): Promise<Compiled> {
  const { session, options, runTask, signal } = building
  const { compile, parseIgnore, ignoredBy } = await import('../frontend/index.ts')
  const ignore = files.ignore === undefined ? undefined : parseIgnore(files.ignore)
  const plan = await compile(
    {
      dockerfile: files.dockerfile,
      platform: options.platform === undefined ? hostPlatform() : parsePlatform(options.platform),
      buildPlatform: hostPlatform(),
      buildArgs: buildArgs(building),
      labels: options.labels,
      noCache: options.noCache,
      contexts: new Map(),
      ...(options.target === undefined ? {} : { target: options.target }),
      ignore,
    },
    (reference: string, wanted: Platform) =>
      runTask(metadataTaskName(reference, wanted), () => resolveImage(session, reference, wanted, options.pull, signal)),
  )
  const explainMissing: ExplainMissing = (source, path) => {
    const rule = source.kind === 'directory' && ignore !== undefined ? ignoredBy(ignore, path.slice(1)) : undefined
    return rule === undefined
      ? undefined
      : `\`${rule.pattern}\` on line ${rule.line} of \`${ignore?.file.name}\` excludes it: add \`!${path.slice(1)}\` below`
  }
  return { plan, explainMissing, ...(ignore === undefined ? {} : { ignore }) }
}

/** The build arguments: values without `=` come from the environment, and so does SOURCE_DATE_EPOCH, as with buildx. */
export function buildArgs({ session, options }: Pick<Building, 'session' | 'options'>): ReadonlyMap<string, string> {
  const args = new Map<string, string>()
  const epoch = session.env['SOURCE_DATE_EPOCH']
  if (epoch !== undefined && epoch !== '') args.set('SOURCE_DATE_EPOCH', epoch)
  for (const [name, value] of options.buildArgs) {
    const chosen = value ?? session.env[name]
    if (chosen !== undefined) args.set(name, chosen)
  }
  return args
}
