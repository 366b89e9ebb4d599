import { Command } from 'commander'
import type { CommandModule } from '../command.ts'
import { readsTerminal } from '../streams.ts'
import { withEngine } from '../with-engine.ts'

interface LoadFlags {
  readonly input?: string
  readonly quiet?: true
}

/** `tsbuild load [-i FILE]` */
export const loadCommand: CommandModule = {
  define: () =>
    new Command('load')
      .description('Load images from a docker or OCI archive, packed or not, or from an OCI layout folder.')
      .option('-i, --input <file>', 'read from a file instead of standard input')
      .option('-q, --quiet', 'print nothing'),
  execute: async (invocation, host) => {
    const flags: LoadFlags = invocation.flags
    const file = flags.input ?? '-'
    if (file === '-' && host.terminal.stdin.isTerminal) throw readsTerminal('use `-i FILE`, or redirect standard input')
    const images = await withEngine(host, {}, (engine, signal) => engine.load(file, signal))
    if (flags.quiet) return 0
    for (const image of images) {
      if (image.names.length === 0) host.terminal.stdout.write(`Loaded image ID: ${image.id}\n`)
      for (const name of image.names) host.terminal.stdout.write(`Loaded image: ${name}\n`)
    }
    return 0
  },
}
