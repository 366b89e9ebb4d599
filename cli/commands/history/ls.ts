import { Command, Option } from 'commander'
import { TsbError } from '../../../core/error.ts'
import type { BuildSummary } from '../../../engine/types.ts'
import type { CommandModule } from '../../command.ts'
import { collect } from '../../flags.ts'
import { formatTable } from '../../render/table.ts'
import { formatAge, formatDuration } from '../../render/units.ts'
import { withEngine } from '../../with-engine.ts'
import { STATUS, summaryJson } from './json.ts'

interface LsFlags {
  readonly filter?: readonly string[]
  readonly format: 'table' | 'json'
  readonly quiet?: true
}

/** `tsbuild history ls`, with the columns of `docker buildx history ls`. */
export const historyLsCommand: CommandModule = {
  define: () =>
    new Command('history ls')
      .description('List builds that were made, the last one first.')
      .option('--filter <key=value>', '`status=completed|error|canceled`, `name=TEXT` or `tag=NAME`; all given ones have to fit', collect)
      .addOption(new Option('--format <format>', 'table, or one JSON object a line').choices(['table', 'json']).default('table'))
      .option('-q, --quiet', 'only IDs'),
  execute: async (invocation, host) => {
    const flags = invocation.flags as LsFlags
    const filters = (flags.filter ?? []).map(readFilter)
    const { hostEffects } = await host.loadEngine()
    const builds = await withEngine(host, {}, (engine) => engine.builds())
    const shown = builds.filter((build) => filters.every((fits) => fits(build)))
    host.terminal.stdout.write(format(shown, flags, hostEffects.now()))
    return 0
  },
}

function format(builds: readonly BuildSummary[], flags: LsFlags, now: number): string {
  if (flags.quiet) return builds.map(({ id }) => `${id}\n`).join('')
  if (flags.format === 'json') return builds.map((build) => `${JSON.stringify(summaryJson(build))}\n`).join('')
  const rows = builds.map(({ id, name, status, started, ended }) => [
    id,
    name,
    STATUS[status],
    `${formatAge(now - started)} ago`,
    formatDuration(ended - started),
  ])
  return formatTable(['BUILD ID', 'NAME', 'STATUS', 'CREATED AT', 'DURATION'], rows)
}

type Filter = (build: BuildSummary) => boolean

function readFilter(text: string): Filter {
  const [, key, value = ''] = /^(status|name|tag)=(.*)$/s.exec(text) ?? []
  if (key === 'name') return ({ name }) => name.includes(value)
  if (key === 'tag') return ({ tags }) => tags.some((tag) => tag === value || tag === `${value}:latest` || `${tag}:latest` === value)
  if (key === 'status' && value.toLowerCase() in STATUS) return ({ status }) => status === value.toLowerCase()
  throw new TsbError('TSB_USAGE_INVALID_VALUE', `\`${text}\` is not a filter of builds`, {
    fault: 'usage',
    hint: 'write `--filter status=completed|error|canceled`, `--filter name=TEXT` or `--filter tag=NAME`',
  })
}
