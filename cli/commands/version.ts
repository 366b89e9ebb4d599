import { Command } from 'commander'
import type { CommandModule } from '../command.ts'
import { VERSION } from '../version.ts'

/** `tsbuild version` */
export const versionCommand: CommandModule = {
  define: () => new Command('version').description('Show the version.'),
  execute: async (_invocation, host) => {
    host.terminal.stdout.write(`tsbuild ${VERSION}\nnode ${process.version}\nplatform ${process.platform}/${process.arch}\n`)
    return 0
  },
}
