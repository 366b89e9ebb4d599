import { TsbError } from '../../core/error.ts'
import type { StepNote } from '../../solver/explain/step-note.ts'
import type { StoredBuild } from '../../store/history.ts'
import type { Session } from '../session.ts'
import { decodeEvents } from './decode.ts'
import type { BuildSummary, RecordedBuild, StoredAbout } from './types.ts'

/** All builds that are known, the last one first. */
export function listBuilds({ store }: Session): readonly BuildSummary[] {
  return store.history.list().map(summaryOf)
}

/**
 * The build that a word means: its id or an unambiguous beginning of it; `^0` or nothing for the last one, `^1` for the one before.
 * @throws TsbError `TSB_HISTORY_UNKNOWN`
 */
export function findBuild({ store }: Session, word: string): RecordedBuild {
  const { history } = store
  const build = storedBuild(history, word)
  const list = build.steps === undefined ? undefined : history.steps(build.steps)
  const notes = list === undefined ? [] : (JSON.parse(list) as readonly StepNote[])
  return { ...summaryOf(build), notes, events: () => decodeEvents(linesOf(history.eventsFile(build.id), build.events), notes) }
}

/** Forgets builds. @throws TsbError `TSB_HISTORY_UNKNOWN`, and then none is forgotten */
export function removeBuilds({ store }: Session, words: readonly string[] | 'all'): readonly string[] {
  const { history } = store
  const ids = words === 'all' ? history.list().map(({ id }) => id) : words.map((word) => storedBuild(history, word).id)
  history.remove(ids)
  return ids
}

function storedBuild(history: Session['store']['history'], word: string): StoredBuild {
  const back = word === '' ? '0' : /^\^(\d{1,9})$/.exec(word)?.[1]
  const found = back === undefined ? history.withPrefix(word) : [history.latest(Number(back))].filter((build) => build !== undefined)
  const [build] = found
  if (build !== undefined && found.length === 1) return build
  if (word === '') throw new TsbError('TSB_HISTORY_UNKNOWN', 'the history is empty', { fault: 'input', hint: 'build something first' })
  const problem = found.length > 1 ? `more than one build begins with \`${word}\`` : `no build \`${word}\` in the history`
  throw new TsbError('TSB_HISTORY_UNKNOWN', problem, { fault: 'input', hint: 'list the builds with `tsbuild history ls`' })
}

function summaryOf({ id, started, ended, status, about }: StoredBuild): BuildSummary {
  return { id, started, ended, status, ...(JSON.parse(about) as StoredAbout) }
}

async function* linesOf(file: string, text: string | undefined): AsyncGenerator<string> {
  if (text !== undefined) {
    for (const line of text.split('\n')) if (line !== '') yield line
    return
  }
  const { readEventFile } = await import('./event-file.ts')
  try {
    yield* readEventFile(file)
  } catch {
    // A power cut may have taken the file or its end: what was there has been told.
  }
}
