import { Command, Option } from 'commander'
import type { CommandModule } from '../command.ts'
import { collect } from '../flags.ts'
import { entryBlocks, entryJson, entryTable, GROUPS, type Group, groupTable, totals } from '../render/disk.ts'
import { withEngine } from '../with-engine.ts'

interface DuFlags {
  readonly filter?: readonly string[]
  readonly format: 'table' | 'pretty' | 'json'
  readonly verbose?: true
  readonly by?: Group
}

/** `tsbuild du` */
export const duCommand: CommandModule = {
  define: () =>
    new Command('du')
      .description('Show what the store takes on the disk: allocated bytes, the largest first. docs/disk.md explains the lines.')
      .option(
        '--filter <filter>',
        'only what it lets pass: `type=…`, `unused-for=24h`, `id=…`, `inuse`, `shared`, `description~=…`',
        collect,
      )
      .addOption(new Option('--by <group>', 'one line for each step, cache mount, image, age or type').choices(GROUPS))
      .addOption(
        new Option('--format <format>', 'table, pretty, or one JSON object a line').choices(['table', 'pretty', 'json']).default('table'),
      )
      .option('--verbose', 'all there is to know: `--format=pretty`'),
  execute: async (invocation, host) => {
    const { filter = [], format, verbose, by } = invocation.flags as DuFlags
    const { hostEffects } = await host.loadEngine()
    const usage = await withEngine(host, {}, (engine) => engine.diskUsage(filter))
    const now = hostEffects.now()
    const { stdout } = host.terminal
    if (format === 'json') stdout.write(entryJson(usage.entries, now))
    else if (by !== undefined) stdout.write(groupTable(usage, by, now))
    else
      stdout.write(
        `${verbose || format === 'pretty' ? entryBlocks(usage.entries, now) : `${entryTable(usage.entries, now)}\n`}${totals(usage)}`,
      )
    return 0
  },
}
