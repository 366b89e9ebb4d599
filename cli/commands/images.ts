import { Command, Option } from 'commander'
import { familiarName, parseReference } from '../../core/reference.ts'
import type { ImageSummary } from '../../engine/types.ts'
import type { CommandModule } from '../command.ts'
import { formatTable } from '../render/table.ts'
import { formatAge, formatSize } from '../render/units.ts'
import { withEngine } from '../with-engine.ts'

interface ImagesFlags {
  readonly quiet?: true
  readonly format: 'table' | 'json'
  /** `--no-trunc` makes it false. */
  readonly trunc: boolean
}

/** One line of the list: an image has one for each of its names. */
interface Row {
  readonly repository: string
  readonly tag: string
  readonly digest: string
  readonly id: string
  readonly created: number | undefined
  readonly since: string
  readonly size: string
}

const NONE = '<none>'

/** `tsbuild images` */
export const imagesCommand: CommandModule = {
  define: () =>
    new Command('images')
      .description('List images, newest first.')
      .option('-q, --quiet', 'only IDs')
      .option('--no-trunc', 'do not shorten IDs')
      .addOption(new Option('--format <format>', 'table, or one JSON object a line').choices(['table', 'json']).default('table')),
  execute: async (invocation, host) => {
    const flags = invocation.flags as ImagesFlags
    const { hostEffects } = await host.loadEngine()
    const images = await withEngine(host, {}, (engine) => engine.images())
    const rows = images.flatMap((image) => imageRows(image, flags.trunc, hostEffects.now()))
    host.terminal.stdout.write(formatRows(rows, flags))
    return 0
  },
}

function imageRows(image: ImageSummary, truncated: boolean, now: number): Row[] {
  const names = image.names.length === 0 ? [undefined] : image.names
  return names.map((name) => ({
    ...splitName(name),
    id: truncated ? image.id.slice(image.id.indexOf(':') + 1).slice(0, 12) : image.id,
    created: image.created,
    since: image.created === undefined ? 'N/A' : `${formatAge(now - image.created)} ago`,
    size: formatSize(image.size),
  }))
}

function splitName(name: string | undefined): Pick<Row, 'repository' | 'tag' | 'digest'> {
  if (name === undefined) return { repository: NONE, tag: NONE, digest: NONE }
  const { tag, digest, ...repository } = parseReference(name)
  return { repository: familiarName(repository), tag: tag ?? NONE, digest: digest ?? NONE }
}

function formatRows(rows: readonly Row[], flags: ImagesFlags): string {
  if (flags.quiet) return rows.map((row) => `${row.id}\n`).join('')
  if (flags.format === 'json') return rows.map((row) => `${JSON.stringify(dockerJson(row))}\n`).join('')
  const cells = rows.map((row) => [row.repository, row.tag, row.id, row.since, row.size])
  return formatTable(['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE'], cells)
}

/** The fields of `docker images --format json`, for scripts that read those. */
function dockerJson(row: Row): Readonly<Record<string, string>> {
  return {
    Containers: 'N/A',
    CreatedAt:
      row.created === undefined
        ? 'N/A'
        : new Date(row.created)
            .toISOString()
            .replace('T', ' ')
            .replace(/\.\d+Z$/, ' +0000 UTC'),
    CreatedSince: row.since,
    Digest: row.digest,
    ID: row.id,
    Repository: row.repository,
    SharedSize: 'N/A',
    Size: row.size,
    Tag: row.tag,
    UniqueSize: 'N/A',
    VirtualSize: row.size,
  }
}
