import type { BuildSummary } from '../../../engine/types.ts'

/** Buildx's words for how a build ended. */
export const STATUS: Readonly<Record<BuildSummary['status'], string>> = { completed: 'Completed', error: 'Error', canceled: 'Canceled' }

/** A build for scripts: the fields of `docker buildx history ls --format json`, and what we know besides. */
export function summaryJson(build: BuildSummary): object {
  const { id, name, started, ended, status, context, dockerfile, target, platform, noCache, tags, buildArgs, image, error, steps, bytes } =
    build
  return {
    ref: id,
    name,
    status: STATUS[status],
    created_at: new Date(started).toISOString(),
    completed_at: new Date(ended).toISOString(),
    total_steps: steps.total,
    completed_steps: steps.cached + steps.executed,
    cached_steps: steps.cached,
    executed_steps: steps.executed,
    unchanged_steps: steps.unchanged,
    bytes,
    context,
    dockerfile,
    target,
    platform,
    no_cache: noCache,
    tags,
    build_args: buildArgs,
    image,
    error,
  }
}
