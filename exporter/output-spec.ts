import { TsbError } from '../core/error.ts'
import { formatReference, parseReference } from '../core/reference.ts'
import type { OutputSpec } from './types.ts'

type OutputType = OutputSpec['type']

const OPTIONS: Readonly<Record<OutputType, readonly string[]>> = {
  image: ['name', 'push'],
  oci: ['dest', 'tar', 'name'],
  docker: ['dest', 'tar', 'name'],
  tar: ['dest'],
  local: ['dest'],
}

/**
 * Reads one `--output`: `type=oci,dest=x` (CSV, values may be quoted), a bare path for `type=local`, `-` for a tar on
 * standard output. `type=registry` is `type=image,push=true`. A `docker` output without `dest` goes where images go.
 * @throws TsbError `TSB_USAGE_OUTPUT`, `TSB_REFERENCE_INVALID`
 */
export function parseOutput(text: string): OutputSpec {
  if (text === '-') return { type: 'tar', dest: '-' }
  if (text === '') throw usage('an empty `--output`')
  const fields = splitCsv(text)
  if (fields.length === 1 && !text.startsWith('type=')) return { type: 'local', dest: text }
  const attributes = new Map<string, string>()
  for (const field of fields) {
    const equals = field.indexOf('=')
    if (equals < 0) throw usage(`\`${field}\` in \`${text}\` is not of the form \`key=value\``)
    attributes.set(field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1))
  }
  return specOf(attributes, text)
}

/**
 * Refuses to write a binary to a terminal.
 * @throws TsbError `TSB_USAGE_OUTPUT`
 */
export function checkTerminal(output: OutputSpec, stdoutIsTerminal: boolean): void {
  if (!stdoutIsTerminal || output.type === 'image' || output.type === 'local' || output.dest !== '-') return
  throw usage(`\`type=${output.type}\` needs a \`dest\`: it is not written to a terminal`)
}

function specOf(attributes: ReadonlyMap<string, string>, text: string): OutputSpec {
  const asked = attributes.get('type')
  if (asked === undefined) throw usage(`\`${text}\` has no \`type\``)
  const type = asked === 'registry' ? 'image' : asked
  if (!isOutputType(type)) throw usage(`\`${asked}\` is not a type of output`)
  for (const key of attributes.keys()) {
    if (key !== 'type' && !OPTIONS[type].includes(key)) throw usage(`\`${key}\` is not an option of \`type=${asked}\``)
  }
  const dest = attributes.get('dest')
  if (dest === '') throw usage(`\`dest\` of \`type=${type}\` is empty`)
  switch (type) {
    case 'image':
      return { type, push: asked === 'registry' || flag(attributes, 'push', false), names: namesOf(attributes) }
    case 'oci':
    case 'docker': {
      const tar = flag(attributes, 'tar', true)
      if (!tar && (dest === undefined || dest === '-')) throw usage(`\`type=${type},tar=false\` needs a directory as \`dest\``)
      const target = dest ?? (type === 'oci' ? '-' : undefined)
      return { type, tar, names: namesOf(attributes), ...(target === undefined ? {} : { dest: target }) }
    }
    case 'tar':
      return { type, dest: dest ?? '-' }
    case 'local':
      if (dest === undefined || dest === '-') throw usage('`type=local` needs a directory as `dest`')
      return { type, dest }
    default:
      return type satisfies never
  }
}

function isOutputType(text: string): text is OutputType {
  return Object.hasOwn(OPTIONS, text)
}

/** Go's strconv.ParseBool, as docker reads flags. */
function flag(attributes: ReadonlyMap<string, string>, key: string, fallback: boolean): boolean {
  const text = attributes.get(key)
  if (text === undefined) return fallback
  if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true
  if (/^(?:0|f|F|false|FALSE|False)$/.test(text)) return false
  throw usage(`\`${key}=${text}\` is neither true nor false`)
}

function namesOf(attributes: ReadonlyMap<string, string>): readonly string[] {
  const names = (attributes.get('name') ?? '').split(',').filter((name) => name !== '')
  return names.map((name) => formatReference(parseReference(name)))
}

/** One record of RFC 4180: a field in double quotes may hold commas, and quotes doubled. */
function splitCsv(text: string): readonly string[] {
  const fields: string[] = []
  for (const [, quoted, bare, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/gy)) {
    fields.push(quoted === undefined ? (bare ?? '') : quoted.replaceAll('""', '"'))
    if (end === '') return fields
  }
  throw usage(`\`${text}\` has a stray quote`)
}

function usage(message: string): TsbError {
  return new TsbError('TSB_USAGE_OUTPUT', message, {
    fault: 'usage',
    hint: 'write `--output type=oci,dest=FILE`; types are image, registry, oci, docker, tar and local',
  })
}
