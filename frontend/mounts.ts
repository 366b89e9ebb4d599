import { splitCsv } from '../core/csv.ts'
import type { TsbError } from '../core/error.ts'
import { parseBoolean, parseBytes } from '../core/flag-values.ts'
import type { CacheSharing, RunMount } from '../core/mount.ts'
import type { Span } from '../core/span.ts'
import type { SourceRef } from './instructions/common.ts'
import { problem } from './problems.ts'
import type { RawInstruction } from './source.ts'
import { didYouMean } from './suggest.ts'

/** One `--mount` of RUN, split into its fields. Their values may have variables, so they are understood when those are known. */
export interface MountFlag {
  /** As written, without quotes and escapes. */
  readonly text: string
  readonly fields: readonly string[]
  /** Has no variables: stages have to be known before any of them is built. */
  readonly from: SourceRef | undefined
}

/** A `--mount` understood by itself: what is not set is not there, and checked to suit the type. */
export interface MountOptions {
  readonly type: RunMount['kind']
  /** Empty is the root of what it is taken from. */
  readonly source: string
  /** As written; empty when there is none. */
  readonly target: string
  readonly id: string
  readonly sharing: CacheSharing
  readonly readonly: boolean
  readonly required: boolean
  /** Bytes; 0 is unlimited. */
  readonly size: number
  readonly mode: number | undefined
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly env: string | undefined
}

type Draft = { -readonly [K in keyof MountOptions]: MountOptions[K] } & {
  hasFrom: boolean
  writable: boolean | undefined
  sharingSet: boolean
}
type Fail = (message: string, hint: string) => TsbError

const TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const
const SHARING = ['shared', 'private', 'locked'] as const

/**
 * Splits a `--mount` and finds what it is taken from (Dockerfile reference, "RUN --mount").
 * @throws TsbError `TSB_DOCKERFILE_MOUNT`, `TSB_DOCKERFILE_FROM_VARIABLE`
 */
export function splitMount(raw: RawInstruction, text: string): MountFlag {
  const span = (): Span => raw.places.word(`--mount=${text}`)
  const fields = text === '' ? undefined : splitCsv(text)
  if (fields === undefined) {
    const what = text === '' ? '`--mount` is empty' : `\`--mount=${text}\` has a stray quote`
    throw problem('TSB_DOCKERFILE_MOUNT', what, span(), 'write `--mount=type=bind,source=PATH,target=PATH`')
  }
  let name = ''
  for (const { key, value } of fields.map(splitField)) {
    if (key !== 'from' || value === undefined) continue
    // A `$` at the very end begins no variable.
    if (value.slice(0, -1).includes('$')) {
      const hint = 'name a stage with `FROM $image AS name` and take the files from that'
      throw problem('TSB_DOCKERFILE_FROM_VARIABLE', '`from` of a mount cannot have variables', span(), hint)
    }
    name = value
  }
  return { text, fields, from: name === '' ? undefined : { name, use: 'mount', span } }
}

/**
 * Understands a mount's fields in their order: `type` has to stand before what only some types have.
 * @throws TsbError `TSB_DOCKERFILE_MOUNT`, and what `expandValue` throws
 */
export function readMount(raw: RawInstruction, flag: MountFlag, expandValue: (text: string) => string): MountOptions {
  const fail: Fail = (message, hint) => problem('TSB_DOCKERFILE_MOUNT', message, raw.places.word(`--mount=${flag.text}`), hint)
  const draft: Draft = {
    type: 'bind',
    hasFrom: false,
    source: '',
    target: '',
    id: '',
    sharing: 'shared',
    sharingSet: false,
    readonly: false,
    writable: undefined,
    required: false,
    size: 0,
    mode: undefined,
    uid: undefined,
    gid: undefined,
    env: undefined,
  }
  for (const field of flag.fields) {
    const { key, value } = splitField(field)
    const set = Object.hasOwn(FIELDS, key) ? FIELDS[key] : undefined
    if (value === undefined && !BARE.includes(key)) {
      throw fail(
        `\`${field}\` of a mount has no value`,
        didYouMean(key, BARE, set === undefined ? 'write `key=value`' : `write \`${key}=VALUE\``),
      )
    }
    if (set === undefined)
      throw fail(
        `there is no mount option \`${key}\``,
        didYouMean(key, Object.keys(FIELDS), `options are ${Object.keys(FIELDS).join(', ')}`),
      )
    set(draft, value === undefined ? 'true' : expandValue(value), key, fail)
  }
  check(draft, fail)
  const { hasFrom, writable, sharingSet, ...options } = draft
  const { type } = options
  return { ...options, readonly: writable === undefined ? type !== 'cache' && type !== 'tmpfs' : !writable }
}

/** Fields that are a yes by themselves. */
const BARE = ['ro', 'readonly', 'rw', 'readwrite', 'required']

type Set = (draft: Draft, value: string, key: string, fail: Fail) => void

const source: Set = (draft, value) => {
  draft.source = value
}
const target: Set = (draft, value) => {
  draft.target = value
}
const writable: Set = (draft, value, key, fail) => {
  draft.writable = readBoolean(value, key, fail)
}
const readonly: Set = (draft, value, key, fail) => {
  draft.writable = !readBoolean(value, key, fail)
}

const FIELDS: Readonly<Record<string, Set>> = {
  type: (draft, value, _key, fail) => {
    const type = TYPES.find((name) => name === value.toLowerCase())
    if (type === undefined) throw fail(`there is no mount type \`${value}\``, didYouMean(value, TYPES, `types are ${TYPES.join(', ')}`))
    draft.type = type
  },
  from: (draft, value) => {
    draft.hasFrom = value !== ''
  },
  source,
  src: source,
  target,
  dst: target,
  destination: target,
  ro: readonly,
  readonly,
  rw: writable,
  readwrite: writable,
  id: (draft, value) => {
    draft.id = value
  },
  sharing: (draft, value, _key, fail) => {
    const sharing = SHARING.find((name) => name === value.toLowerCase())
    if (sharing === undefined) throw fail(`there is no sharing \`${value}\``, didYouMean(value, SHARING, `use ${SHARING.join(', ')}`))
    draft.sharing = sharing
    draft.sharingSet = true
  },
  required: (draft, value, key, fail) => {
    assertType(draft, key, ['secret', 'ssh'], fail)
    draft.required = readBoolean(value, key, fail)
  },
  size: (draft, value, key, fail) => {
    assertType(draft, key, ['tmpfs'], fail)
    const size = parseBytes(value)
    if (size === undefined) throw fail(`\`size=${value}\` is not a size`, 'write it like `size=64m`')
    draft.size = size
  },
  mode: (draft, value, _key, fail) => {
    const mode = /^[0-7]{1,11}$/.test(value) ? Number.parseInt(value, 8) : Number.NaN
    if (!(mode <= 0xffff_ffff)) throw fail(`\`mode=${value}\` is not a mode`, 'write it in octal: `mode=0400`')
    draft.mode = mode & 0o7777
  },
  uid: (draft, value, key, fail) => {
    draft.uid = readOwner(value, key, fail)
  },
  gid: (draft, value, key, fail) => {
    draft.gid = readOwner(value, key, fail)
  },
  env: (draft, value) => {
    draft.env = value
  },
}

function splitField(field: string): { readonly key: string; readonly value: string | undefined } {
  const equals = field.indexOf('=')
  if (equals < 0) return { key: field.toLowerCase(), value: undefined }
  return { key: field.slice(0, equals).toLowerCase(), value: field.slice(equals + 1) }
}

function assertType(draft: Draft, key: string, types: readonly Draft['type'][], fail: Fail): void {
  if (types.includes(draft.type)) return
  const names = types.map((type) => `\`type=${type}\``).join(' and ')
  throw fail(`\`${key}\` is no option of a mount of type \`${draft.type}\``, `leave it out, or write it behind ${names}`)
}

function readBoolean(value: string, key: string, fail: Fail): boolean {
  const yes = parseBoolean(value)
  if (yes === undefined) throw fail(`\`${key}=${value}\` is neither true nor false`, `write \`${key}\` or \`${key}=false\``)
  return yes
}

function readOwner(value: string, key: string, fail: Fail): number {
  const id = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN
  if (!(id <= 0xffff_ffff)) throw fail(`\`${key}=${value}\` is not a number of a user or group`, `write it like \`${key}=1000\``)
  return id
}

/** What only some types have, whatever the order. */
function check(draft: Draft, fail: Fail): void {
  const { type } = draft
  if (type === 'bind' || type === 'tmpfs') {
    for (const key of ['mode', 'uid', 'gid'] as const) {
      if (draft[key] !== undefined) throw fail(`\`${key}\` is no option of a mount of type \`${type}\``, 'leave it out')
    }
  }
  if (draft.sharingSet && type !== 'cache')
    throw fail(`\`sharing\` is no option of a mount of type \`${type}\``, 'leave it out, or write `type=cache`')
  if (type === 'ssh' && draft.source !== '') throw fail('`source` is no option of a mount of type `ssh`', 'name the agent with `id=NAME`')
  if (type !== 'secret') return
  if (draft.hasFrom) throw fail('a secret comes from no stage: it has no `from`', 'leave `from` out, and give the secret with `--secret`')
  if (draft.source === '' && draft.target === '' && draft.id === '') throw fail('it is not said which secret is meant', 'add `id=NAME`')
  if (draft.source !== '' && draft.id !== '') throw fail('`source` and `id` of a secret mean the same', 'keep `id`')
  if (draft.env === '') throw fail('`env` of a secret is empty', 'write `env=NAME`')
}
