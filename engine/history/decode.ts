import type { Diagnostic } from '../../core/diagnostic.ts'
import type { BuildEvent } from '../../core/event.ts'
import type { SourceFile, Span } from '../../core/span.ts'
import type { StepNote } from '../../solver/explain/step-note.ts'

type PlainSpan = Omit<Span, 'file'> & { readonly file: number }

/** What `EventEncoder` writes, where that is not the event itself. */
type Line =
  | { readonly kind: 'file'; readonly name: string; readonly text: string }
  | { readonly kind: 'cached'; readonly time: number; readonly steps: readonly number[] }
  | { readonly kind: 'graph'; readonly time: number; readonly steps: readonly number[] }
  | {
      readonly kind: 'step-log'
      readonly time: number
      readonly step: number
      readonly stream: 'stdout' | 'stderr'
      readonly text?: string
      readonly base64?: string
    }
  | { readonly kind: 'diagnostic'; readonly time: number; readonly diagnostic: PlainDiagnostic }
  | Exclude<BuildEvent, { kind: 'graph' | 'step-log' | 'diagnostic' }>

type PlainDiagnostic = Omit<Diagnostic, 'spans' | 'within'> & { readonly spans: readonly PlainSpan[]; readonly within?: PlainSpan }

/** The events behind lines of `EventEncoder`. A last line that was cut off with its file is left out. */
export async function* decodeEvents(lines: AsyncIterable<string>, notes: readonly StepNote[]): AsyncGenerator<BuildEvent> {
  const files: SourceFile[] = []
  for await (const text of lines) {
    const line = parse(text)
    if (line === undefined) return
    if (line.kind === 'file') files.push({ name: line.name, text: line.text })
    else yield* eventsOf(line, notes, files)
  }
}

function parse(text: string): Line | undefined {
  try {
    return JSON.parse(text) as Line
  } catch {
    return undefined
  }
}

function* eventsOf(line: Exclude<Line, { kind: 'file' }>, notes: readonly StepNote[], files: readonly SourceFile[]): Generator<BuildEvent> {
  switch (line.kind) {
    case 'cached':
      for (const step of line.steps) yield { kind: 'step-done', time: line.time, step, outcome: { kind: 'cached' } }
      return
    case 'graph':
      yield { ...line, steps: line.steps.map((step) => ({ step, name: notes[step]?.name ?? `step ${step}` })) }
      return
    case 'step-log': {
      const { text, base64, ...rest } = line
      yield { ...rest, data: base64 === undefined ? Buffer.from(text ?? '') : Buffer.from(base64, 'base64') }
      return
    }
    case 'diagnostic':
      yield { ...line, diagnostic: diagnosticOf(line.diagnostic, files) }
      return
    default:
      yield line
  }
}

function diagnosticOf({ spans, within, ...rest }: PlainDiagnostic, files: readonly SourceFile[]): Diagnostic {
  const place = ({ file, start, end }: PlainSpan): Span => ({ file: files[file] ?? { name: '', text: '' }, start, end })
  return { ...rest, spans: spans.map(place), ...(within === undefined ? {} : { within: place(within) }) }
}
