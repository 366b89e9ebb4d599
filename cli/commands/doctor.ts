import { Command, Option } from 'commander'
import { EXIT_CODES } from '../../core/error.ts'
import type { HostCheck, StoreCheck } from '../../engine/types.ts'
import type { CommandModule } from '../command.ts'
import { oneLine } from '../render/log.ts'
import { formatDuration } from '../render/units.ts'
import { withEngine } from '../with-engine.ts'

interface DoctorFlags {
  readonly store?: true
  readonly format: 'text' | 'json'
}

/** `tsbuild doctor [--store]` */
export const doctorCommand: CommandModule = {
  define: () =>
    new Command('doctor')
      .description(
        'Check what this machine offers to builds. With --store: hold every row, file and digest of the store against each other, beside ' +
          'running builds too. Changes nothing. Ends with 0 when nothing needs a hand, with 3 otherwise.',
      )
      .option('--store', 'verify the store')
      .addOption(new Option('--format <format>', 'text, or one JSON object a line').choices(['text', 'json']).default('text')),
  execute: async (invocation, host) => {
    const { store, format } = invocation.flags as DoctorFlags
    const { hostEffects } = await host.loadEngine()
    const began = hostEffects.now()
    const checked = await withEngine(host, {}, async (engine, signal) => (store ? engine.checkStore(signal) : engine.checkHost()))
    const report = 'findings' in checked ? storeReport(checked, hostEffects.now() - began) : hostReport(checked)
    host.terminal.stdout.write(format === 'json' ? report.objects.map((each) => `${JSON.stringify(each)}\n`).join('') : report.text)
    return report.needsHand ? EXIT_CODES.host : 0
  },
}

interface Report {
  readonly text: string
  readonly objects: readonly object[]
  readonly needsHand: boolean
}

const MARKS = { ok: 'ok', limited: 'limited', missing: 'missing' } as const

function hostReport(checks: readonly HostCheck[]): Report {
  const lines = checks.map(({ name, state, detail, hint }) =>
    [name.padEnd(9), MARKS[state].padEnd(8), detail, ...(hint === undefined ? [] : [`(${hint})`])].join(' '),
  )
  return { text: lines.map((line) => `${line}\n`).join(''), objects: checks, needsHand: checks.some(({ state }) => state === 'missing') }
}

function storeReport({ root, findings, layers, blobs, trees }: StoreCheck, milliseconds: number): Report {
  const needing = findings.filter(({ remedy }) => remedy === 'hand')
  const lines = findings.map(({ remedy, subject, problem, hint }) =>
    remedy === 'hand' ? `needs a hand: ${problem}: ${subject} (${hint})` : `cleaned by the next build: ${problem}: ${subject} (${hint})`,
  )
  const read = `${layers} layers, ${blobs} blobs and ${trees} tree indexes read in ${formatDuration(milliseconds)}`
  const verdict = findings.length === 0 ? 'sound' : `${findings.length} findings, ${needing.length} of them need a hand`
  return {
    text: [...lines, `${root}: ${verdict}; ${read}`].map((line) => `${oneLine(line)}\n`).join(''),
    objects: findings,
    needsHand: needing.length > 0,
  }
}
