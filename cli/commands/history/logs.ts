import { Command, Option } from 'commander'
import { TsbError } from '../../../core/error.ts'
import type { BuildEvent } from '../../../core/event.ts'
import type { RecordedBuild } from '../../../engine/types.ts'
import type { CommandModule } from '../../command.ts'
import { LogLines } from '../../render/log.ts'
import { PlainRenderer } from '../../render/plain.ts'
import { RawJsonRenderer } from '../../render/rawjson.ts'
import type { Output } from '../../render/terminal.ts'
import { withEngine } from '../../with-engine.ts'
import { findStep } from './step.ts'

/** `tsbuild history logs` */
export const historyLogsCommand: CommandModule = {
  define: () =>
    new Command('history logs')
      .description('Print what a build printed, on standard output: all of it, or only what one step wrote.')
      .argument('[build]', 'an ID or the beginning of one; `^1` is the build before the last (default: the last)')
      .argument('[step]', 'number of a step, or words of its name')
      .addOption(new Option('--progress <mode>', 'how it looks').choices(['plain', 'rawjson']).default('plain')),
  execute: async (invocation, host) => {
    const [word = '', step] = invocation.args
    const { progress } = invocation.flags as { readonly progress: 'plain' | 'rawjson' }
    const { stdout } = host.terminal
    const write = (text: string): void => stdout.write(text)
    await withEngine(host, {}, async (engine, signal) => {
      const build = await engine.recordedBuild(word)
      if (step !== undefined && progress === 'plain') return printStep(build, findStep(build, step).step, stdout, signal)
      const chosen = step === undefined ? undefined : findStep(build, step).step
      const renderer = progress === 'plain' ? new PlainRenderer(write) : new RawJsonRenderer(write)
      for await (const event of build.events()) {
        signal.throwIfAborted()
        if (chosen === undefined || isAbout(event, chosen)) renderer.event(event)
        await stdout.drained()
      }
      renderer.close()
    })
    return 0
  },
}

/** The bytes of one step as it wrote them; on a terminal, which they must not steer, lines as a build shows them. */
async function printStep(build: RecordedBuild, step: number, stdout: Output, signal: AbortSignal): Promise<void> {
  const lines = stdout.isTerminal ? new LogLines() : undefined
  const writeLines = (texts: readonly string[]): void => stdout.write(texts.map((text) => `${text}\n`).join(''))
  for await (const event of build.events()) {
    signal.throwIfAborted()
    if (event.kind === 'step-log' && event.step === step) {
      if (lines === undefined) stdout.write(event.data)
      else writeLines(lines.push(event.stream, event.data))
      await stdout.drained()
    }
    if (event.kind === 'step-done' && event.step === step && event.outcome.kind === 'cached') {
      throw new TsbError('TSB_HISTORY_NO_LOG', 'this step was cached in that build: it printed nothing', {
        fault: 'input',
        hint: 'look at the build that ran it: `tsbuild history ls`',
      })
    }
  }
  if (lines !== undefined) writeLines(lines.flush())
}

function isAbout(event: BuildEvent, step: number): boolean {
  return 'step' in event && event.step === step
}
