import { Command } from 'commander'
import type { CommandModule } from '../command.ts'
import { readsTerminal } from '../streams.ts'
import { withEngine } from '../with-engine.ts'

/** `tsbuild import FILE|- NAME` */
export const importCommand: CommandModule = {
  define: () =>
    new Command('import')
      .description('Make an image of one layer from the tar of a root file system, packed or not. Prints the image ID.')
      .argument('<file>', 'the tar, or `-` for standard input')
      .argument('<name>', 'name of the image'),
  execute: async ({ args }, host) => {
    const [file = '-', name = ''] = args
    if (file === '-' && host.terminal.stdin.isTerminal) throw readsTerminal('give the tar as FILE, or redirect standard input')
    const image = await withEngine(host, {}, (engine, signal) => engine.importRoot(file, name, signal))
    host.terminal.stdout.write(`${image}\n`)
    return 0
  },
}
