import { Command } from 'commander'
import type { PruneOptions } from '../../engine/types.ts'
import { readBytes } from '../bytes.ts'
import type { CommandModule } from '../command.ts'
import { collect } from '../flags.ts'
import { entryBlocks, entryTable } from '../render/disk.ts'
import { formatSize } from '../render/units.ts'
import { withEngine } from '../with-engine.ts'

interface PruneFlags {
  readonly all?: true
  readonly force?: true
  readonly filter?: readonly string[]
  readonly dryRun?: true
  readonly verbose?: true
  readonly keepStorage?: string
  readonly reservedSpace?: string
  readonly maxUsedSpace?: string
  readonly minFreeSpace?: string
}

/** `tsbuild prune`, with the flags of `docker buildx prune`. */
export const pruneCommand: CommandModule = {
  define: () =>
    new Command('prune')
      .description(
        'Remove what builds have left and nobody uses: results of steps, cache mounts, packed layers, images without a name. Images with a ' +
          'name stay, and so does what running builds use.',
      )
      .option('-a, --all', 'also what is known of the steps of images with a name, and blobs that their registries have')
      .option('-f, --force', 'do not ask')
      .option(
        '--filter <filter>',
        'only what it lets pass: `until=24h`, `unused-for=24h`, `id=…`, `type=…`; docs/disk.md has more',
        collect,
      )
      .option('--reserved-space <bytes>', 'so much may stay in any case')
      .option('--keep-storage <bytes>', 'the same, by its old name')
      .option('--max-used-space <bytes>', 'remove only what the store takes beyond that, what saves the least time first')
      .option('--min-free-space <bytes>', 'remove only until so much of the disk is free')
      .option('--dry-run', 'say what would go, and remove nothing')
      .option('--verbose', 'all there is to know of what goes'),
  execute: async (invocation, host) => {
    const flags = invocation.flags as PruneFlags
    const options = pruneOptions(flags)
    const { stdin, stdout } = host.terminal
    if (!flags.force && !options.dryRun) {
      stdout.write(`${question(options)} [y/N] `)
      const answer = await stdin.readLine()
      if (!/^y(?:es)?$/i.test(answer.trim())) return 0
    }
    const { hostEffects } = await host.loadEngine()
    const { entries, bytes } = await withEngine(host, {}, (engine) => engine.prune(options))
    if (entries.length > 0) stdout.write(flags.verbose ? entryBlocks(entries, hostEffects.now()) : entryTable(entries, hostEffects.now()))
    stdout.write(`${options.dryRun ? 'Would be reclaimed' : 'Total'}:\t${formatSize(bytes)}\n`)
    return 0
  },
}

function pruneOptions(flags: PruneFlags): PruneOptions {
  const reserved = flags.reservedSpace ?? flags.keepStorage
  return {
    filters: flags.filter ?? [],
    all: flags.all ?? false,
    dryRun: flags.dryRun ?? false,
    ...(reserved === undefined
      ? {}
      : { reservedSpace: readBytes(flags.reservedSpace === undefined ? '--keep-storage' : '--reserved-space', reserved) }),
    ...(flags.maxUsedSpace === undefined ? {} : { maxUsedSpace: readBytes('--max-used-space', flags.maxUsedSpace) }),
    ...(flags.minFreeSpace === undefined ? {} : { minFreeSpace: readBytes('--min-free-space', flags.minFreeSpace) }),
  }
}

function question({ all }: PruneOptions): string {
  const what = all ? 'all build cache' : 'all build cache that no image with a name needs'
  return `WARNING! This will remove ${what}. Are you sure you want to continue?`
}
