import type { FileChange, FileChanges, MissCause } from '../../core/miss.ts'
import { oneLine } from './log.ts'

/** So many causes are told in a line; one tells mostly all. */
const TOLD_CAUSES = 3
const DIGEST_DIGITS = 10
/** Of an instruction in a line: enough to know it again. */
const TEXT_CHARACTERS = 48

/** Why a step ran, in one line: `1 of 1,204 files changed: src/a.ts (content)`. Nothing where that goes without saying, as in a project's first build. */
export function missText(causes: readonly MissCause[], now: number): string | undefined {
  const told = causes.filter((cause) => cause.kind !== 'never-built' || cause.project === 'known')
  if (told.length === 0) return undefined
  const more = told.length > TOLD_CAUSES ? ` · and ${told.length - TOLD_CAUSES} more` : ''
  return oneLine(
    told
      .slice(0, TOLD_CAUSES)
      .map((cause) => causeText(cause, now))
      .join(' · ') + more,
  )
}

/** One cause; `now` says how long ago things were. */
export function causeText(cause: MissCause, now: number): string {
  switch (cause.kind) {
    case 'never-built':
      return 'never built here'
    case 'asked':
      return `not looked up: ${cause.flag}`
    case 'evicted':
      return `evicted by gc ${ago(now - cause.time)} ago`
    case 'lost':
      return 'its earlier result is gone'
    case 'base':
      return `base ${familiar(cause.reference)} moved ${short(cause.from)}→${short(cause.to)}`
    case 'files':
      return filesText(cause, cause.source)
    case 'parent':
      return `parent step ${stepLabel(cause.step)} changed its output${firstChanges(cause, false)}`
    case 'variable':
      return `${cause.origin} ${cause.name} ${cause.change}`
    case 'instruction':
      return `edited, was ${aroundDifference(cause.from, cause.to)}`
    case 'setting':
      return settingText(cause)
  }
}

/** A path with what happened to it: `a.sh (mode 0644→0755)`; in a context it is relative. */
export function changeText({ path, change, from, to }: FileChange, isRelative: boolean): string {
  const shown = isRelative ? path.replace(/^\/(?=.)/, '') : path
  return `${shown} (${from === undefined || to === undefined ? change : `${change} ${from}→${to}`})`
}

function settingText({ name, from, to }: Extract<MissCause, { kind: 'setting' }>): string {
  if (from === '' && to === '') return `${name} changed`
  if (from === '') return `${name} is ${clipped(to)} now`
  return to === '' ? `${name} is no longer ${clipped(from)}` : `${name} ${clipped(from)}→${clipped(to)}`
}

function filesText(changes: FileChanges, source: string): string {
  const where = source === 'context' ? '' : ` of ${source}`
  if (changes.changed === 0) return `files${where} changed`
  // What is gone is not among those that there are.
  const isPart = changes.changed <= changes.total
  const total = isPart ? `${count(changes.changed)} of ${count(changes.total)}` : count(changes.changed)
  return `${total} file${(isPart ? changes.total : changes.changed) === 1 ? '' : 's'}${where} changed${firstChanges(changes, source.startsWith('context'))}`
}

function firstChanges({ changed, changes }: FileChanges, isRelative: boolean): string {
  const [first] = changes
  if (first === undefined) return ''
  const more = changed > 1 ? ` and ${count(changed - 1)} more` : ''
  return `: ${changeText(first, isRelative)}${more}`
}

/** `[build 2/5]` of `[build 2/5] RUN make`; of a step without a number its name. */
export function stepLabel(name: string): string {
  const label = /^\[[^\]]*\d+\/\d+\]/.exec(name)?.[0]
  // In a column of names the numbers are aligned.
  return label === undefined ? clipped(name) : oneLine(label.replace(/(\[| ) +/, '$1'))
}

/** The instruction of a step's name, short. */
export function instructionOf(name: string): string {
  return clipped(name.replace(/^\[[^\]]*\] /, ''))
}

function familiar(reference: string): string {
  return reference.replace(/^docker\.io\/(?:library\/)?/, '')
}

function short(digest: string): string {
  return digest.slice(0, digest.indexOf(':') + 1 + DIGEST_DIGITS)
}

function clipped(text: string): string {
  const line = oneLine(text)
  return line.length > TEXT_CHARACTERS ? `${line.slice(0, TEXT_CHARACTERS - 1)}…` : line
}

/** So much stands before the place where two texts begin to differ. */
const LEAD_CHARACTERS = 16

/** Of a text the part that is seen to differ from another: two that begin alike would look alike when cut at their ends. */
function aroundDifference(text: string, other: string): string {
  const [line, otherLine] = [oneLine(text), oneLine(other)]
  let same = 0
  while (same < line.length && line[same] === otherLine[same]) same++
  if (line.length <= TEXT_CHARACTERS || same < TEXT_CHARACTERS - LEAD_CHARACTERS) return clipped(line)
  const begin = Math.max(0, Math.min(same, line.length - 1) - LEAD_CHARACTERS)
  return clipped(`…${line.slice(begin).replace(/^[\udc00-\udfff]/, '')}`)
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

const MINUTE = 60_000

function ago(milliseconds: number): string {
  const minutes = Math.max(0, milliseconds) / MINUTE
  if (minutes < 1) return 'moments'
  if (minutes < 60) return `${Math.floor(minutes)} min`
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h`
  return `${Math.floor(minutes / 60 / 24)} d`
}
