import type { Diagnostic } from '../../core/diagnostic.ts'
import type { SourceFile, Span } from '../../core/span.ts'
import type { CallAnswer, CheckReport, Outline, OutlineRequest, TargetList } from '../../engine/types.ts'

/** The answer as buildx prints it with `format=json`; `nameOf` says what a file is called. */
export function callJson(answer: CallAnswer, nameOf: (file: SourceFile) => string): string {
  return JSON.stringify(shape(answer, nameOf), null, 2)
}

function shape(answer: CallAnswer, nameOf: (file: SourceFile) => string): object {
  switch (answer.kind) {
    case 'check':
      return checkShape(answer.report, nameOf)
    case 'outline':
      return outlineShape(answer.outline)
    case 'targets':
      return targetsShape(answer.list)
  }
}

function checkShape({ file, warnings, errors }: CheckReport, nameOf: (file: SourceFile) => string): object {
  const [error] = errors
  return {
    warnings: warnings.length === 0 ? null : warnings.map(warningShape),
    sources: [{ filename: nameOf(file), data: base64(file), language: 'Dockerfile' }],
    ...(error === undefined ? {} : { buildError: { message: error.message, location: placeOf(error) } }),
    // BuildKit stops at the first; the others are for editors.
    ...(errors.length < 2 ? {} : { buildErrors: errors.map(errorShape) }),
  }
}

function warningShape(warning: Diagnostic): object {
  const { code, message, rule } = warning
  return {
    ruleName: code,
    ...(rule === undefined ? {} : { description: rule.description }),
    ...(rule?.url === undefined ? {} : { url: rule.url }),
    detail: message,
    location: placeOf(warning),
  }
}

function errorShape(error: Diagnostic): object {
  const { code, message, hint } = error
  return { code, message, ...(hint === undefined ? {} : { hint }), location: placeOf(error) }
}

function outlineShape({ file, name, description, args, secrets, ssh }: Outline): object {
  const requests = (list: readonly OutlineRequest[]): readonly object[] =>
    list.map((item) => ({ name: item.name, ...(item.required ? { required: true } : {}), location: location(item.within) }))
  const argShapes = args.map((arg) => ({
    name: arg.name,
    ...filled({ description: arg.description, value: arg.value }),
    location: location(arg.within),
  }))
  return {
    ...filled({ name, description, args: argShapes, secrets: requests(secrets), ssh: requests(ssh) }),
    sources: [base64(file)],
  }
}

function targetsShape({ file, targets }: TargetList): object {
  const shapes = targets.map(({ name, description, isDefault, base, platform, within }) => ({
    ...filled({ name }),
    ...(isDefault ? { default: true } : {}),
    ...filled({ description, base, platform }),
    location: location(within),
  }))
  return { targets: shapes, sources: [base64(file)] }
}

/** Without what is empty: Go's `omitempty`. */
function filled(fields: Readonly<Record<string, { readonly length: number }>>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value.length > 0))
}

function placeOf({ within, spans }: Diagnostic): object {
  const span = within ?? spans[0]
  return span === undefined ? {} : location(span)
}

/** One range for each line, as BuildKit has it. */
function location({ start, end }: Span): object {
  const count = Math.max(1, end.line - start.line + 1)
  const lines = Array.from({ length: count }, (_, index) => ({ line: start.line + index }))
  return { ranges: lines.map((line) => ({ start: line, end: line })) }
}

function base64(file: SourceFile): string {
  return Buffer.from(file.text).toString('base64')
}
