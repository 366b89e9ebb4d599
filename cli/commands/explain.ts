import { Command, InvalidArgumentError, Option } from 'commander'
import type { MissCause } from '../../core/miss.ts'
import type { BuildSummary, ExplainedStep, Explanation } from '../../engine/types.ts'
import type { CommandModule } from '../command.ts'
import { oneLine } from '../render/log.ts'
import { causeText, changeText, stepLabel } from '../render/miss.ts'
import { formatAge, formatDuration } from '../render/units.ts'
import { withEngine } from '../with-engine.ts'
import { findStep, notBegun } from './history/step.ts'

interface ExplainFlags {
  readonly files: number
  readonly format: 'pretty' | 'json'
}

/** `tsbuild explain` */
export const explainCommand: CommandModule = {
  define: () =>
    new Command('explain')
      .description('Say why each step of a build ran, or that its earlier result was used, and what that led to.')
      .argument('[build]', 'an ID or the beginning of one; `^1` is the build before the last (default: the last)')
      .argument('[step]', 'number of a step, or words of its name: only that one')
      .option('--files <count>', 'so many changed files of each cause', readCount, DEFAULT_FILES)
      .addOption(new Option('--format <format>', 'text, or JSON').choices(['pretty', 'json']).default('pretty')),
  execute: async (invocation, host) => {
    const [word = '', wanted] = invocation.args
    const { files, format } = invocation.flags as ExplainFlags
    const { hostEffects } = await host.loadEngine()
    const { build, steps } = await withEngine(host, {}, (engine) => engine.explain(word))
    const chosen = wanted === undefined ? undefined : findStep({ notes: steps }, wanted).number
    const shown = {
      build,
      steps: steps.filter(({ number }) => chosen === undefined || number === chosen).map((step) => bounded(step, files)),
    }
    const text = format === 'json' ? `${JSON.stringify(shown, undefined, 2)}\n` : pretty(shown, hostEffects.now())
    host.terminal.stdout.write(text)
    return 0
  },
}

const DEFAULT_FILES = 20

function readCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('it is no number')
}

function bounded(step: ExplainedStep, files: number): ExplainedStep {
  return {
    ...step,
    causes: step.causes.map((cause) => ('changes' in cause ? { ...cause, changes: cause.changes.slice(0, files) } : cause)),
  }
}

function pretty({ build, steps }: Explanation, now: number): string {
  const head = `${oneLine(build.name)} · ${build.id} · ${formatAge(now - build.started)} ago · ${formatDuration(build.ended - build.started)}`
  return `${[head, ...steps.flatMap((step) => ['', ...stepLines(step, build)])].join('\n')}\n`
}

function stepLines(step: ExplainedStep, { ended, status }: BuildSummary): readonly string[] {
  const outcome = outcomeText(step.outcome, status)
  const duration = step.outcome === 'cached' || step.outcome === 'unneeded' ? '' : ` ${formatDuration(step.duration)}`
  const led = step.ledTo.length === 0 ? [] : [`       led to ${step.ledTo.join(', ')}`]
  return [
    `${String(step.number).padStart(3)}  ${oneLine(step.name)} · ${outcome}${duration}`,
    ...step.causes.flatMap((cause) => causeLines(cause, ended)),
    ...led,
  ]
}

function outcomeText(outcome: ExplainedStep['outcome'], status: BuildSummary['status']): string {
  if (outcome === 'unneeded') return notBegun(status)
  return outcome === 'unchanged' ? 're-ran, output unchanged' : outcome
}

function causeLines(cause: MissCause, time: number): readonly string[] {
  switch (cause.kind) {
    case 'instruction':
      return ['     edited', `       was ${oneLine(cause.from)}`, `       is  ${oneLine(cause.to)}`]
    case 'files':
      return [`     ${headOf(cause, time)}`, ...changeLines(cause, cause.source.startsWith('context'))]
    case 'parent':
      return [`     parent step ${stepLabel(cause.step)} changed its output`, ...changeLines(cause, false)]
    case 'base':
      return [`     base ${cause.reference} moved`, `       was ${cause.from}`, `       is  ${cause.to}`]
    default:
      return [`     ${causeText(cause, time)}`]
  }
}

/** Without the first change, which has a line of its own. */
function headOf(cause: Extract<MissCause, { kind: 'files' }>, time: number): string {
  return oneLine(causeText({ ...cause, changes: [] }, time))
}

function changeLines({ changed, changes }: Extract<MissCause, { kind: 'files' | 'parent' }>, isRelative: boolean): readonly string[] {
  const paths = new Set(changes.map(({ path }) => path)).size
  const more = changed > paths ? [`       and ${(changed - paths).toLocaleString('en-US')} more`] : []
  return [...changes.map((change) => `       ${oneLine(changeText(change, isRelative))}`), ...more]
}
