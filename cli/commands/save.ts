import { Command, Option } from 'commander'
import type { CommandModule } from '../command.ts'
import { writesTerminal } from '../streams.ts'
import { withEngine } from '../with-engine.ts'

interface SaveFlags {
  readonly output?: string
  readonly format: 'docker' | 'oci'
}

/** `tsbuild save [-o FILE] [--format docker|oci] NAME…` */
export const saveCommand: CommandModule = {
  define: () =>
    new Command('save')
      .description('Save images with all their layers to one archive.')
      .argument('<name...>', 'names of the images')
      .option('-o, --output <file>', 'write to a file instead of standard output')
      .addOption(new Option('--format <format>', 'kind of archive').choices(['docker', 'oci']).default('docker')),
  execute: async (invocation, host) => {
    const flags = invocation.flags as SaveFlags
    const file = flags.output ?? '-'
    if (file === '-' && host.terminal.stdout.isTerminal) throw writesTerminal('use `-o FILE`, or redirect standard output')
    await withEngine(host, {}, (engine, signal) => engine.save(invocation.args, file, flags.format, signal))
    return 0
  },
}
