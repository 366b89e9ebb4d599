import { Command, Option } from 'commander'
import type { StepOutcome } from '../../../core/event.ts'
import type { RecordedBuild } from '../../../engine/types.ts'
import type { CommandModule } from '../../command.ts'
import { oneLine } from '../../render/log.ts'
import { formatBytes, formatDuration } from '../../render/units.ts'
import { withEngine } from '../../with-engine.ts'
import { STATUS, summaryJson } from './json.ts'
import { notBegun } from './step.ts'

/** What became of one step. */
interface StepLine {
  readonly number: number
  readonly name: string
  readonly outcome: StepOutcome['kind'] | 'not reached'
  /** Milliseconds. */
  readonly duration: number
}

/** `tsbuild history inspect` */
export const historyInspectCommand: CommandModule = {
  define: () =>
    new Command('history inspect')
      .description('Show one build: what was asked, how it ended, and its steps.')
      .argument('[build]', 'an ID or the beginning of one; `^1` is the build before the last (default: the last)')
      .addOption(new Option('--format <format>', 'text, or JSON').choices(['pretty', 'json']).default('pretty')),
  execute: async (invocation, host) => {
    const [word = ''] = invocation.args
    const { format } = invocation.flags as { readonly format: 'pretty' | 'json' }
    const text = await withEngine(host, {}, async (engine) => {
      const build = await engine.recordedBuild(word)
      const steps = await stepLines(build)
      return format === 'json' ? `${JSON.stringify({ ...summaryJson(build), step_list: steps }, undefined, 2)}\n` : pretty(build, steps)
    })
    host.terminal.stdout.write(text)
    return 0
  },
}

async function stepLines(build: RecordedBuild): Promise<readonly StepLine[]> {
  const started = new Map<number, number>()
  const ended = new Map<number, Pick<StepLine, 'outcome' | 'duration'>>()
  for await (const event of build.events()) {
    if (event.kind === 'step-started') started.set(event.step, event.time)
    if (event.kind === 'step-done') {
      ended.set(event.step, { outcome: event.outcome.kind, duration: event.time - (started.get(event.step) ?? event.time) })
    }
  }
  return build.notes.map(({ step, name }, index) => ({
    number: index + 1,
    name,
    ...(ended.get(step) ?? { outcome: 'not reached', duration: 0 }),
  }))
}

function pretty(build: RecordedBuild, steps: readonly StepLine[]): string {
  const { cached, executed, total, unchanged } = build.steps
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['Name', build.name],
    ['Ref', build.id],
    ['Context', build.context],
    ['Dockerfile', build.dockerfile],
    ['Target', build.target],
    ['Platform', build.platform],
    ['Tags', build.tags.join(', ') || undefined],
    ['Build arguments', build.buildArgs.join(', ') || undefined],
    ['Started', new Date(build.started).toISOString()],
    ['Duration', formatDuration(build.ended - build.started)],
    ['Status', STATUS[build.status]],
    ['Error', build.error === undefined ? undefined : `${build.error.message} [${build.error.code}]`],
    ['Image', build.image],
    ['Steps', `${total}: ${cached} cached, ${executed} executed${unchanged === 0 ? '' : `, ${unchanged} of them unchanged`}`],
    ['Fetched and copied', build.bytes === 0 ? undefined : formatBytes(build.bytes)],
  ]
  const head = rows.flatMap(([title, value]) => (value === undefined ? [] : [`${`${title}:`.padEnd(20)}${oneLine(value)}`]))
  const list = steps.map(({ number, name, outcome, duration }) => {
    const time = outcome === 'cached' || outcome === 'not reached' ? '' : ` ${formatDuration(duration)}`
    return `${String(number).padStart(3)}  ${oneLine(name)} · ${outcome === 'not reached' ? notBegun(build.status) : outcome}${time}`
  })
  return `${[...head, ...(list.length === 0 ? [] : ['', ...list])].join('\n')}\n`
}
