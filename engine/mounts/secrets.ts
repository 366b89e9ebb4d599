import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { splitCsv } from '../../core/csv.ts'
import { TsbError } from '../../core/error.ts'
import type { Environment } from '../host.ts'
import type { SecretSource } from '../types.ts'

/** The values that the user lends to a build. They are read when a step asks, and kept nowhere. */
export interface Secrets {
  /** `undefined` when the user gave none of that name. @throws TsbError `TSB_SECRET_UNREADABLE`, `TSB_SECRET_TOO_BIG` */
  read(id: string): Promise<Uint8Array | undefined>
}

/** As with docker. */
const MAX_BYTES = 500 << 10

/**
 * Looks the sources up without reading them: a slip must not show after half of the build. Of two of one name the later one counts.
 * @throws TsbError `TSB_SECRET_UNREADABLE`, `TSB_SECRET_TOO_BIG`
 */
export function openSecrets(sources: readonly SecretSource[], env: Environment): Secrets {
  const places = new Map<string, SecretPlace>()
  for (const source of sources) {
    const place = placeOf(source, env)
    if (place.kind === 'file') checkFile(source.id, place.path)
    places.set(source.id, place)
  }
  return {
    read: async (id) => {
      const place = places.get(id)
      if (place === undefined) return undefined
      if (place.kind === 'env') return Buffer.from(env[place.name] ?? '')
      checkFile(id, place.path)
      return readFile(place.path).catch((cause) => Promise.reject(unreadable(id, place.path, cause)))
    },
  }
}

/**
 * Reads one `--secret`: `id=NAME[,src=FILE|,env=VARIABLE][,type=file|env]` (CSV, as with buildx).
 * @throws TsbError `TSB_USAGE_SECRET`
 */
export function parseSecret(text: string): SecretSource {
  const fields = text === '' ? undefined : splitCsv(text)
  if (fields === undefined) throw usage(`\`${text}\` is not a secret`)
  const given = new Map<string, string>()
  for (const field of fields) {
    const equals = field.indexOf('=')
    const name = field.slice(0, Math.max(equals, 0)).toLowerCase()
    const key = name === 'source' ? 'src' : name
    if (equals < 0) throw usage(`\`${field}\` in \`${text}\` is not of the form \`key=value\``)
    if (!['id', 'src', 'env', 'type'].includes(key)) throw usage(`\`${name}\` is not an option of a secret`)
    given.set(key, field.slice(equals + 1))
  }
  const type = given.get('type')
  if (type !== undefined && type !== 'file' && type !== 'env') throw usage(`\`${type}\` is not a type of secret`)
  const id = given.get('id') ?? ''
  if (id === '') throw usage(`the secret \`${text}\` has no \`id\``)
  const file = given.get('src') ?? ''
  const env = given.get('env') ?? ''
  // What stands behind `src` is a variable's name then.
  if (type === 'env' && env === '' && file !== '') return { id, env: file }
  return { id, ...(env === '' ? {} : { env }), ...(file === '' ? {} : { file }) }
}

type SecretPlace = { readonly kind: 'file'; readonly path: string } | { readonly kind: 'env'; readonly name: string }

/** Docker's order: a variable comes before a file, and a bare name is the variable's if there is one, else a file's. */
function placeOf({ id, env: name, file }: SecretSource, env: Environment): SecretPlace {
  if (name !== undefined) return { kind: 'env', name }
  if (file !== undefined) return { kind: 'file', path: resolve(file) }
  return env[id] === undefined ? { kind: 'file', path: resolve(id) } : { kind: 'env', name: id }
}

function checkFile(id: string, path: string): void {
  let size = 0
  try {
    const stat = statSync(path)
    if (stat.isDirectory()) throw unreadable(id, path, { code: 'EISDIR' })
    size = stat.size
  } catch (cause) {
    throw cause instanceof TsbError ? cause : unreadable(id, path, cause)
  }
  if (size <= MAX_BYTES) return
  throw new TsbError('TSB_SECRET_TOO_BIG', `the secret \`${id}\` has ${size} bytes, \`${path}\` may have at most ${MAX_BYTES}`, {
    fault: 'input',
    hint: 'mount a file of this size with `--mount=type=bind` from a named context',
  })
}

function unreadable(id: string, path: string, cause: unknown): TsbError {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? ` (${String(cause.code)})` : ''
  return new TsbError('TSB_SECRET_UNREADABLE', `cannot read \`${path}\` for the secret \`${id}\`${code}`, {
    fault: 'input',
    hint: 'check the path after `src=`: it is relative to the working directory; a variable is named with `env=`',
    cause,
  })
}

function usage(message: string): TsbError {
  return new TsbError('TSB_USAGE_SECRET', message, {
    fault: 'usage',
    hint: 'write `--secret id=NAME,src=FILE` or `--secret id=NAME,env=VARIABLE`',
  })
}
