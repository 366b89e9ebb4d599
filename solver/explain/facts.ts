import type { Digest } from '../../core/digest.ts'
import type { MissCause } from '../../core/miss.ts'

/** A key's preimage, read again. */
export interface Preimage {
  readonly version: number
  readonly op: { readonly [name: string]: unknown }
  /** Content of each input as far as the op uses it. */
  readonly inputs: readonly Digest[]
}

/** Two executions of one step: what their keys were made of, and how the instruction read. */
export interface FactsPair {
  readonly from: Preimage
  readonly to: Preimage
  readonly fromText: string
  readonly toText: string
}

/** How a step differs from what it was, as far as the instruction says it: its text, variables, settings. Inputs are another matter. */
export function factCauses({ from, to, fromText, toText }: FactsPair): readonly MissCause[] {
  const isRun = to.op['kind'] === 'run'
  const causes = isRun ? runCauses(from.op, to.op, fromText === toText) : fileCauses(from.op, to.op)
  // Flags of a RUN are told by what they set, and of a COPY, which copies the same files in other words too, by that.
  const isEdited = isRun ? !same(from.op['args'], to.op['args']) : causes.length === 0 && withoutSource(fromText) !== withoutSource(toText)
  const edited: readonly MissCause[] = isEdited && fromText !== toText ? [{ kind: 'instruction', from: fromText, to: toText }] : []
  return [...edited, ...causes, ...setting('version of the keys', from.version, to.version)]
}

/** A stage may have another name. */
function withoutSource(text: string): string {
  return text.replace(/--from=\S+/, '')
}

/** Reads a preimage as `keyOf` writes it. */
export function readPreimage(text: string): Preimage {
  return JSON.parse(text) as Preimage
}

type Facts = Preimage['op']

/** Names of what else a RUN runs with. */
const RUN_SETTINGS: readonly (readonly [fact: string, name: string])[] = [
  ['cwd', 'working directory'],
  ['user', 'user'],
  ['network', 'network'],
  ['security', 'security'],
]

function runCauses(from: Facts, to: Facts, isSameText: boolean): readonly MissCause[] {
  const settings = RUN_SETTINGS.flatMap(([fact, name]) => setting(name, from[fact], to[fact]))
  const command = isSameText ? commandCauses(strings(from['args']), strings(to['args'])) : []
  return [...command, ...variableCauses(from['env'], to['env']), ...settings, ...mountCauses(from['mounts'], to['mounts'])]
}

/** The instruction reads as before and something else is run: its here-document, or the shell. */
function commandCauses(from: readonly string[], to: readonly string[]): readonly MissCause[] {
  if (same(from, to)) return []
  const [fromShell, toShell] = [from.slice(0, -1).join(' '), to.slice(0, -1).join(' ')]
  if (fromShell !== toShell) return setting('shell', fromShell, toShell)
  const [fromLines, toLines] = [(from.at(-1) ?? '').split('\n'), (to.at(-1) ?? '').split('\n')]
  const at = toLines.findIndex((line, index) => line !== fromLines[index])
  const place = at < 0 ? toLines.length : at
  return [{ kind: 'instruction', from: fromLines[place] ?? '', to: toLines[place] ?? '' }]
}

/** Variables are told by name alone: values may be anything. What ARG set stands in keys as name and digest. */
function variableCauses(from: unknown, to: unknown): readonly MissCause[] {
  const [before, now] = [variables(from), variables(to)]
  const causes: MissCause[] = []
  for (const [name, { origin, value }] of now) {
    const known = before.get(name)
    if (known === undefined) causes.push({ kind: 'variable', origin, name, change: 'added' })
    else if (known.value !== value || known.origin !== origin) causes.push({ kind: 'variable', origin, name, change: 'changed' })
  }
  for (const [name, { origin }] of before) if (!now.has(name)) causes.push({ kind: 'variable', origin, name, change: 'removed' })
  return causes.length === 0 && !same(from, to) ? [unsaid('order of the variables')] : causes
}

interface Variable {
  readonly origin: 'ARG' | 'ENV'
  readonly value: string
}

function variables(env: unknown): ReadonlyMap<string, Variable> {
  const found = new Map<string, Variable>()
  for (const entry of Array.isArray(env) ? (env as readonly unknown[]) : []) {
    if (Array.isArray(entry)) found.set(String(entry[0]), { origin: 'ARG', value: String(entry[1]) })
    else {
      const text = String(entry)
      found.set(text.slice(0, text.indexOf('=')), { origin: 'ENV', value: text.slice(text.indexOf('=') + 1) })
    }
  }
  return found
}

/** Mounts are told apart by where they are. */
function mountCauses(from: unknown, to: unknown): readonly MissCause[] {
  const [before, now] = [mounts(from), mounts(to)]
  const causes = [...now].flatMap(([target, mount]) => {
    const known = before.get(target)
    if (known === undefined) return setting(`mount ${target}`, '', String(mount['kind']))
    return Object.keys({ ...known, ...mount }).flatMap((fact) => setting(`${fact} of mount ${target}`, known[fact], mount[fact]))
  })
  const gone = [...before].filter(([target]) => !now.has(target))
  return [...causes, ...gone.flatMap(([target, mount]) => setting(`mount ${target}`, String(mount['kind']), ''))]
}

function mounts(value: unknown): ReadonlyMap<string, Facts> {
  const list = (Array.isArray(value) ? value : []) as readonly Facts[]
  return new Map(list.map((mount) => [String(mount['target'] ?? mount['env'] ?? mount['id']), mount]))
}

/** Names of what a COPY, ADD or WORKDIR does besides copying. */
const ACTION_SETTINGS: readonly (readonly [fact: string, name: string])[] = [
  ['chown', 'owner'],
  ['owner', 'owner'],
  ['chmod', 'mode'],
  ['unpack', 'unpacking'],
  ['time', 'time'],
]

function fileCauses(from: Facts, to: Facts): readonly MissCause[] {
  const [before, now] = [actions(from), actions(to)]
  if (before.length !== now.length) return []
  return now.flatMap((action, index) => {
    const known = before[index] ?? {}
    if (known['kind'] !== action['kind']) return []
    const settings = ACTION_SETTINGS.flatMap(([fact, name]) => setting(name, known[fact], action[fact]))
    // Build arguments may stand in a path and in a here-document, so neither is told.
    const path = same(known['destination'] ?? known['path'], action['destination'] ?? action['path']) ? [] : [unsaid('destination')]
    const content = same(known['content'], action['content']) ? [] : [unsaid(`content of ${String(action['name'])}`)]
    return [...settings, ...path, ...content]
  })
}

function actions(facts: Facts): readonly Facts[] {
  return (Array.isArray(facts['actions']) ? facts['actions'] : []) as readonly Facts[]
}

/** A setting, if it differs. */
function setting(name: string, from: unknown, to: unknown): readonly MissCause[] {
  return same(from, to) ? [] : [{ kind: 'setting', name, from: shown(name, from), to: shown(name, to) }]
}

/** One that differs, and whose values are not told. */
function unsaid(name: string): MissCause {
  return { kind: 'setting', name, from: '', to: '' }
}

function shown(name: string, value: unknown): string {
  if (value === undefined || value === null) return ''
  if (name === 'mode' && typeof value === 'number') return value.toString(8).padStart(4, '0')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}
