import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import type { Diagnostic } from '../../core/diagnostic.ts'
import type { BuildEvent, StepOutcome } from '../../core/event.ts'
import type { MissCause } from '../../core/miss.ts'
import type { Span } from '../../core/span.ts'
import type { Renderer } from './renderer.ts'
import { unchangedText } from './rows.ts'

/** The part of BuildKit's vertex that we know; sent again whenever it changes, the last one wins. */
interface Vertex {
  readonly digest: string
  readonly name: string
  started?: string
  completed?: string
  cached?: true
  error?: string
  /** Ours, beside BuildKit's: why it runs (`MissCause`). */
  misses?: readonly MissCause[]
}

type Status = Readonly<Record<string, readonly object[]>>

/** One JSON object a line in the shape of BuildKit's status stream: `vertexes`, `statuses`, `logs`, `warnings`. */
export class RawJsonRenderer implements Renderer {
  readonly #write: (text: string) => void
  readonly #vertexes: Map<string, Vertex> = new Map()
  readonly #itemStarts: Map<string, string> = new Map()
  #source: { readonly vertex: string } | undefined

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  event(event: BuildEvent): void {
    const status = this.#status(event)
    if (status !== undefined) this.#write(`${JSON.stringify(status)}\n`)
  }

  tick(): void {}

  close(): void {}

  #status(event: BuildEvent): Status | undefined {
    switch (event.kind) {
      case 'build-started':
      case 'build-done':
        return undefined
      case 'step-missed':
        return missed(this.#vertex(`step ${event.step}`), event.causes)
      case 'graph':
        return { vertexes: event.steps.map(({ step, name }) => this.#vertex(`step ${step}`, name)) }
      case 'task-started': {
        const vertex = this.#vertex(`task ${event.id}`, event.name)
        // Findings belong to what read the Dockerfile, which is the first thing done.
        this.#source ??= { vertex: vertex.digest }
        return started(vertex, event.time)
      }
      case 'step-started':
        return started(this.#vertex(`step ${event.step}`), event.time)
      case 'task-done': {
        const outcome: StepOutcome = event.error === undefined ? { kind: 'done' } : { kind: 'failed', message: event.error }
        return completed(this.#vertex(`task ${event.id}`), event.time, outcome)
      }
      case 'step-done':
        return this.#stepDone(this.#vertex(`step ${event.step}`), event.time, event.outcome)
      case 'task-progress':
        return this.#progress(this.#vertex(`task ${event.id}`), event)
      case 'step-progress':
        return this.#progress(this.#vertex(`step ${event.step}`), event)
      case 'step-log': {
        const data = Buffer.from(event.data).toString('base64')
        const vertex = this.#vertex(`step ${event.step}`).digest
        return { logs: [{ vertex, stream: event.stream === 'stdout' ? 1 : 2, data, timestamp: timestamp(event.time) }] }
      }
      case 'diagnostic':
        return { warnings: [{ ...this.#source, ...warning(event.diagnostic) }] }
    }
  }

  /** BuildKit knows nothing of outputs that stay the same: a status that was done at once says it. */
  #stepDone(vertex: Vertex, time: number, outcome: StepOutcome): Status {
    const status = completed(vertex, time, outcome)
    if (outcome.kind !== 'unchanged') return status
    const now = timestamp(time)
    const id = unchangedText({ except: outcome.except ?? [] })
    return { ...status, statuses: [{ id, vertex: vertex.digest, current: 0, timestamp: now, started: now, completed: now }] }
  }

  /** Vertices have no digest in our events: one is made of what tells them apart within the build. */
  #vertex(key: string, name: string = key): Vertex {
    const known = this.#vertexes.get(key)
    if (known !== undefined) return known
    const vertex: Vertex = { digest: `sha256:${createHash('sha256').update(`${key} ${name}`).digest('hex')}`, name }
    this.#vertexes.set(key, vertex)
    return vertex
  }

  #progress(vertex: Vertex, event: Extract<BuildEvent, { kind: 'step-progress' | 'task-progress' }>): Status {
    const now = timestamp(event.time)
    const key = `${vertex.digest} ${event.item}`
    const started = this.#itemStarts.get(key) ?? now
    this.#itemStarts.set(key, started)
    return {
      statuses: [
        {
          id: event.item,
          vertex: vertex.digest,
          ...(event.total === undefined ? {} : { total: event.total }),
          current: event.current,
          timestamp: now,
          started,
          ...(event.total !== undefined && event.current >= event.total ? { completed: now } : {}),
        },
      ],
    }
  }
}

function started(vertex: Vertex, time: number): Status {
  vertex.started = timestamp(time)
  return { vertexes: [vertex] }
}

/** Whoever wants all files asks `tsbuild explain`. */
const TOLD_CHANGES = 10

function missed(vertex: Vertex, causes: readonly MissCause[]): Status {
  vertex.misses = causes.map((cause) => ('changes' in cause ? { ...cause, changes: cause.changes.slice(0, TOLD_CHANGES) } : cause))
  return { vertexes: [vertex] }
}

function completed(vertex: Vertex, time: number, outcome: StepOutcome): Status {
  vertex.started ??= timestamp(time)
  vertex.completed = timestamp(time)
  if (outcome.kind === 'cached') vertex.cached = true
  if (outcome.kind === 'failed') vertex.error = outcome.message
  if (outcome.kind === 'canceled') vertex.error = 'context canceled'
  return { vertexes: [vertex] }
}

/** BuildKit's warning: the rule's description as detail, a range for each line of the instruction. */
function warning({ code, message, rule, spans, within }: Diagnostic): object {
  const span = within ?? spans[0]
  const line = span === undefined ? '' : ` (line ${span.start.line})`
  return {
    level: 1,
    short: base64(`${code}: ${message}${line}`),
    ...(rule === undefined ? {} : { detail: [base64(rule.description)] }),
    ...(rule?.url === undefined ? {} : { url: rule.url }),
    ...(span === undefined ? {} : { sourceInfo: sourceInfo(span), range: ranges(span) }),
  }
}

function sourceInfo(span: Span): object {
  return { filename: basename(span.file.name), data: base64(span.file.text), language: 'Dockerfile' }
}

function ranges({ start, end }: Span): readonly object[] {
  return Array.from({ length: Math.max(1, end.line - start.line + 1) }, (_, index) => {
    const line = { line: start.line + index }
    return { start: line, end: line }
  })
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

function timestamp(time: number): string {
  return new Date(time).toISOString()
}
