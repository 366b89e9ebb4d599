import { Command } from 'commander'
import { TsbError } from '../../../core/error.ts'
import type { CommandModule } from '../../command.ts'
import { withEngine } from '../../with-engine.ts'

/** `tsbuild history rm` */
export const historyRmCommand: CommandModule = {
  define: () =>
    new Command('history rm')
      .description('Forget builds: their records and logs go, images and cached results stay.')
      .argument('[build...]', 'IDs or beginnings of them; `^1` is the build before the last')
      .option('--all', 'all builds'),
  execute: async (invocation, host) => {
    const all = (invocation.flags as { readonly all?: true }).all === true
    if (all === invocation.args.length > 0) {
      throw new TsbError('TSB_USAGE_MISSING_ARGUMENT', all ? '`--all` and builds are given' : 'no build is given', {
        fault: 'usage',
        hint: 'give IDs of builds, or `--all`',
      })
    }
    const ids = await withEngine(host, {}, (engine) => engine.forgetBuilds(all ? 'all' : invocation.args))
    host.terminal.stdout.write(ids.map((id) => `${id}\n`).join(''))
    return 0
  },
}
