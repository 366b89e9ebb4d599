import { formatReference, parseReference } from '../core/reference.ts'
import { LAYER_OPTIONS, parseLayerOptions } from './layer-options.ts'
import { type Attributes, flagOf, splitFields, usageError } from './output-attributes.ts'
import { parseTimeOptions, TIME_OPTIONS } from './time-options.ts'
import type { OutputSpec } from './types.ts'

type OutputType = OutputSpec['type']

const OPTIONS: Readonly<Record<OutputType, readonly string[]>> = {
  image: ['name', 'push', ...LAYER_OPTIONS, ...TIME_OPTIONS],
  oci: ['dest', 'tar', 'name', ...LAYER_OPTIONS, ...TIME_OPTIONS],
  docker: ['dest', 'tar', 'name', ...LAYER_OPTIONS, ...TIME_OPTIONS],
  tar: ['dest', ...TIME_OPTIONS],
  local: ['dest', ...TIME_OPTIONS],
}

/**
 * Reads one `--output`: `type=oci,dest=x` (CSV, values may be quoted), a bare path for `type=local`, `-` for a tar on
 * standard output. `type=registry` is `type=image,push=true`. A `docker` output without `dest` goes where images go.
 * @throws TsbError `TSB_USAGE_OUTPUT`, `TSB_REFERENCE_INVALID`
 */
export function parseOutput(text: string): OutputSpec {
  if (text === '-') return { type: 'tar', dest: '-' }
  if (text === '') throw usageError('an empty `--output`')
  const fields = splitFields(text)
  if (fields.length === 1 && !text.startsWith('type=')) return { type: 'local', dest: text }
  const attributes = new Map<string, string>()
  for (const field of fields) {
    const equals = field.indexOf('=')
    if (equals < 0) throw usageError(`\`${field}\` in \`${text}\` is not of the form \`key=value\``)
    attributes.set(field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1))
  }
  return specOf(attributes, text)
}

function specOf(attributes: Attributes, text: string): OutputSpec {
  const asked = attributes.get('type')
  if (asked === undefined) throw usageError(`\`${text}\` has no \`type\``)
  const type = asked === 'registry' ? 'image' : asked
  if (!isOutputType(type)) throw usageError(`\`${asked}\` is not a type of output`)
  for (const key of attributes.keys()) {
    if (key === 'type' || OPTIONS[type].includes(key)) continue
    throw usageError(`\`${key}\` is not an option of \`type=${asked}\``, `write one of its options: ${OPTIONS[type].join(', ')}`)
  }
  const dest = attributes.get('dest')
  if (dest === '') throw usageError(`\`dest\` of \`type=${type}\` is empty`)
  const options = parseLayerOptions(attributes)
  const times = parseTimeOptions(attributes)
  const further = { ...(options === undefined ? {} : { layers: options }), ...(times === undefined ? {} : { times }) }
  switch (type) {
    case 'image':
      return { type, push: asked === 'registry' || flagOf(attributes, 'push', false), names: namesOf(attributes), ...further }
    case 'oci':
    case 'docker': {
      const tar = flagOf(attributes, 'tar', true)
      if (!tar && (dest === undefined || dest === '-')) throw usageError(`\`type=${type},tar=false\` needs a directory as \`dest\``)
      const target = dest ?? (type === 'oci' ? '-' : undefined)
      return { type, tar, names: namesOf(attributes), ...(target === undefined ? {} : { dest: target }), ...further }
    }
    case 'tar':
      return { type, dest: dest ?? '-', ...(times === undefined ? {} : { times }) }
    case 'local':
      if (dest === undefined || dest === '-') throw usageError('`type=local` needs a directory as `dest`')
      return { type, dest, ...(times === undefined ? {} : { times }) }
    default:
      return type satisfies never
  }
}

function isOutputType(text: string): text is OutputType {
  return Object.hasOwn(OPTIONS, text)
}

function namesOf(attributes: Attributes): readonly string[] {
  const names = (attributes.get('name') ?? '').split(',').filter((name) => name !== '')
  return names.map((name) => formatReference(parseReference(name)))
}
