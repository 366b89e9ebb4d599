import { Command } from 'commander'
import { formatPlatform, hostPlatform } from '../../core/platform.ts'
import type { CommandModule } from '../command.ts'
import { VERSION } from '../version.ts'

/** `tsbuild version` */
export const versionCommand: CommandModule = {
  define: () => new Command('version').description('Show the version.'),
  execute: async (_invocation, host) => {
    host.terminal.stdout.write(`tsbuild ${VERSION}\nnode ${process.version}\nplatform ${formatPlatform(hostPlatform())}\n`)
    return 0
  },
}
