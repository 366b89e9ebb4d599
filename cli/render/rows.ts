import type { Diagnostic } from '../../core/diagnostic.ts'
import type { BuildEvent, StepOutcome } from '../../core/event.ts'
import type { VertexId } from '../../core/graph.ts'
import { LogLines, oneLine } from './log.ts'
import { missText } from './miss.ts'

/** A task or step as the renderers see it. */
export interface Row {
  readonly kind: 'task' | 'step'
  readonly name: string
  state: 'waiting' | 'running' | StepOutcome['kind']
  started: number
  ended: number
  /** Why it failed. */
  error: string
  /** What else ran when it failed. */
  alsoRunning: readonly string[]
  /** Of an unchanged output: paths that nobody wants to know about. */
  except: readonly string[]
  readonly progress: Map<string, Progress>
  /** The most recent lines; `hidden` counts those that are gone. */
  log: string[]
  hidden: number
  /** When it last had something to show. */
  lastActive: number
  readonly lines: LogLines
  /** Why it runs, as far as that is worth a line. */
  miss: string
}

export interface Progress {
  readonly item: string
  readonly current: number
  readonly total: number | undefined
  readonly started: number
}

/** What an event changed: the row, and the log lines it brought. */
export interface Change {
  readonly row: Row
  readonly lines: readonly string[]
  /** The progress entry it touched. */
  readonly item?: string
  /** It is known now why the row runs. */
  readonly isExplained?: true
}

/** Enough to find an error in; more would be kept in memory for nothing. */
const KEPT_LINES = 400

/** The fold of the events that all renderers for people share: what stands where, at this moment. */
export class BuildRows {
  readonly rows: Map<string, Row> = new Map()
  readonly diagnostics: Diagnostic[] = []
  tags: readonly string[] = []
  image: string | undefined
  started = 0
  /** Of the last event. */
  time = 0
  /** Absent until `build-done`. */
  outcome: 'succeeded' | 'failed' | undefined

  /** Takes the next event; gives what it changed, if it was about a row. */
  apply(event: BuildEvent): Change | undefined {
    this.time = Math.max(this.time, event.time)
    if (this.started === 0) this.started = event.time
    switch (event.kind) {
      case 'build-started':
        this.tags = event.tags
        return undefined
      case 'graph':
        for (const { step, name } of event.steps) this.#row(stepKey(step), 'step', name)
        return undefined
      case 'diagnostic':
        this.diagnostics.push(event.diagnostic)
        return undefined
      case 'build-done':
        this.image = event.image
        this.outcome = event.error === undefined ? 'succeeded' : 'failed'
        return undefined
      case 'task-started':
        return start(this.#row(taskKey(event.id), 'task', event.name), event.time)
      case 'task-progress':
        return progress(this.#row(taskKey(event.id), 'task', event.id), event)
      case 'task-done':
        return end(this.#row(taskKey(event.id), 'task', event.id), event.time, taskOutcome(event.error))
      case 'step-started':
        return start(this.#step(event.step), event.time)
      case 'step-missed':
        return explain(this.#step(event.step), event)
      case 'step-log':
        return log(this.#step(event.step), event)
      case 'step-progress':
        return progress(this.#step(event.step), event)
      case 'step-done':
        return this.#endStep(this.#step(event.step), event.time, event.outcome)
    }
  }

  /** Steps that came to an end, and all that the graph has. */
  counts(): { readonly ended: number; readonly cached: number; readonly total: number } {
    const steps = [...this.rows.values()].filter((row) => row.kind === 'step')
    return {
      ended: steps.filter((row) => row.ended > 0).length,
      cached: steps.filter((row) => row.state === 'cached').length,
      total: steps.length,
    }
  }

  /** Marks what was running when the build broke off. */
  cancelRunning(): Change[] {
    const running = [...this.rows.values()].filter((row) => row.state === 'running')
    return running.map((row) => end(row, this.time, { kind: 'canceled' }))
  }

  #endStep(row: Row, time: number, outcome: StepOutcome): Change {
    if (outcome.kind === 'failed') row.alsoRunning = (outcome.alsoRunning ?? []).map((step) => this.#step(step).name)
    if (outcome.kind === 'unchanged') row.except = outcome.except ?? []
    return end(row, time, outcome)
  }

  #step(step: VertexId): Row {
    return this.#row(stepKey(step), 'step', `step ${step}`)
  }

  #row(key: string, kind: Row['kind'], name: string): Row {
    const known = this.rows.get(key)
    if (known !== undefined) return known
    const row: Row = {
      kind,
      name: oneLine(name),
      state: 'waiting',
      started: 0,
      ended: 0,
      error: '',
      alsoRunning: [],
      except: [],
      progress: new Map(),
      log: [],
      hidden: 0,
      lastActive: 0,
      lines: new LogLines(),
      miss: '',
    }
    this.rows.set(key, row)
    return row
  }
}

/** What an unchanged output is called. */
export function unchangedText({ except }: Pick<Row, 'except'>): string {
  const more = except.length > SHOWN_EXCEPTIONS ? [`${except.length - SHOWN_EXCEPTIONS} more`] : []
  const paths = [...except.slice(0, SHOWN_EXCEPTIONS), ...more]
  return `re-ran, output unchanged${paths.length === 0 ? '' : ` but for ${paths.join(', ')}`}`
}

const SHOWN_EXCEPTIONS = 3

function stepKey(step: VertexId): string {
  return `step ${step}`
}

function taskKey(id: string): string {
  return `task ${id}`
}

function taskOutcome(error: string | undefined): StepOutcome {
  return error === undefined ? { kind: 'done' } : { kind: 'failed', message: error }
}

function start(row: Row, time: number): Change {
  row.state = 'running'
  row.started = time
  row.lastActive = time
  return { row, lines: [] }
}

function explain(row: Row, { causes, time }: Extract<BuildEvent, { kind: 'step-missed' }>): Change | undefined {
  row.miss = missText(causes, time) ?? ''
  return row.miss === '' ? undefined : { row, lines: [], isExplained: true }
}

function log(row: Row, event: Extract<BuildEvent, { kind: 'step-log' }>): Change {
  row.lastActive = event.time
  const lines = row.lines.push(event.stream, event.data)
  keep(row, lines)
  return { row, lines }
}

function progress(row: Row, event: Extract<BuildEvent, { kind: 'step-progress' | 'task-progress' }>): Change {
  row.lastActive = event.time
  const started = row.progress.get(event.item)?.started ?? event.time
  row.progress.set(event.item, { item: event.item, current: event.current, total: event.total, started })
  return { row, lines: [], item: event.item }
}

function end(row: Row, time: number, outcome: StepOutcome): Change {
  if (row.started === 0) row.started = time
  row.ended = Math.max(time, 1)
  row.state = outcome.kind
  row.error = outcome.kind === 'failed' ? oneLine(outcome.message) : ''
  const lines = row.lines.flush()
  keep(row, lines)
  // Only a failed step's log is asked for again.
  if (outcome.kind !== 'failed') row.log = []
  return { row, lines }
}

function keep(row: Row, lines: readonly string[]): void {
  row.log.push(...lines)
  const surplus = row.log.length - KEPT_LINES
  if (surplus <= 0) return
  row.log.splice(0, surplus)
  row.hidden += surplus
}
