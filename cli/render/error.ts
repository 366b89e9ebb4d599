import type { Diagnostic } from '../../core/diagnostic.ts'
import type { TsbError } from '../../core/error.ts'
import type { Span } from '../../core/span.ts'
import { renderFrame } from './frame.ts'
import { oneLine } from './log.ts'
import type { Palette } from './palette.ts'

/**
 * An error as the user sees it: message and code, the places in the source, the hint. Where a file had several
 * problems each gets the same treatment and the error itself becomes the closing line.
 * With `debug` the stack and all causes follow.
 */
export function renderError(error: TsbError, colours: Palette, debug: boolean): string {
  const parts: string[] = []
  const several = error.diagnostics.length > 1
  for (const diagnostic of error.diagnostics) parts.push(...renderProblem(diagnostic, colours))
  const repeated = error.diagnostics.length === 1 && error.diagnostics[0]?.message === error.message
  if (!repeated)
    parts.push(
      ...renderProblem(
        { ...error, severity: 'error', message: error.message, hint: error.hint, spans: several ? [] : freshSpans(error) },
        colours,
      ),
    )
  if (debug) parts.push(colours.dim(renderStack(error)))
  return `${parts.join('\n')}\n`
}

type Problem = Pick<Diagnostic, 'severity' | 'code' | 'message' | 'spans'> & { readonly hint?: string | undefined }

function renderProblem(problem: Problem, colours: Palette): string[] {
  const title = problem.severity === 'error' ? colours.red(colours.bold('error:')) : colours.yellow(colours.bold('warning:'))
  const lines = [`${title} ${oneLine(problem.message)} ${colours.dim(`[${problem.code}]`)}`]
  for (const span of problem.spans) lines.push(renderFrame(span, colours))
  if (problem.hint !== undefined) lines.push(`${colours.blue('hint:')} ${oneLine(problem.hint)}`)
  return lines
}

/** The error's own spans, but for those that a diagnostic has shown. */
function freshSpans(error: TsbError): readonly Span[] {
  const shown = new Set(error.diagnostics.flatMap((each) => each.spans).map(spanKey))
  return error.spans.filter((span) => !shown.has(spanKey(span)))
}

function spanKey(span: Span): string {
  return `${span.file.name}:${span.start.line}:${span.start.column}`
}

function renderStack(error: Error): string {
  const lines: string[] = []
  const seen = new Set<unknown>()
  for (let each: unknown = error; each !== undefined && !seen.has(each); each = each instanceof Error ? each.cause : undefined) {
    seen.add(each)
    lines.push(`${lines.length === 0 ? '' : 'caused by: '}${each instanceof Error ? (each.stack ?? each.message) : String(each)}`)
  }
  return lines.join('\n')
}
