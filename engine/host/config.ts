import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { TsbError } from '../../core/error.ts'
import { parseBytes } from '../../core/flag-values.ts'
import type { Environment } from '../host.ts'

/** What the administrator and the user have settled for all builds. */
export interface Config {
  /** Bytes that the store may take; 0 is no limit. */
  readonly maxDisk?: number
  /** How many builds the history keeps, and for how many days. */
  readonly history?: { readonly builds?: number; readonly days?: number }
}

const SYSTEM_FILE = '/etc/tsbuild/config.json'

/**
 * Reads the configuration: of `TSBUILD_CONFIG`, which has to exist, or else of the machine and of the user, who has the last word.
 * @throws TsbError `TSB_CONFIG_INVALID`
 */
export function readConfig(env: Environment): Config {
  const named = env['TSBUILD_CONFIG']
  if (named !== undefined && named !== '') return readFile(named) ?? refuse(named, 'there is no such file')
  const base = env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config')
  return { ...readFile(SYSTEM_FILE), ...readFile(join(base, 'tsbuild', 'config.json')) }
}

function readFile(path: string): Config | undefined {
  const text = contentOf(path)
  return text === undefined ? undefined : parse(path, text)
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    return refuse(path, `it cannot be read (${code})`)
  }
}

function parse(path: string, text: string): Config {
  const value = fieldsOf(path, 'it', parseJson(path, text))
  const unknown = Object.keys(value).find((key) => key !== 'maxDisk' && key !== 'history')
  if (unknown !== undefined) return refuse(path, `it knows no \`${unknown}\``)
  const { maxDisk, history } = value
  return {
    ...(maxDisk === undefined ? {} : { maxDisk: sizeOf(path, maxDisk) }),
    ...(history === undefined ? {} : { history: historyOf(path, history) }),
  }
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    return refuse(path, `it is no JSON (${error instanceof Error ? error.message : String(error)})`)
  }
}

function fieldsOf(path: string, what: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  return refuse(path, `${what} is no object`)
}

function sizeOf(path: string, value: unknown): number {
  const bytes = typeof value === 'string' ? parseBytes(value) : value
  if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0) return bytes
  return refuse(path, '`maxDisk` is no size such as `"20GB"`')
}

function historyOf(path: string, value: unknown): NonNullable<Config['history']> {
  const fields = fieldsOf(path, '`history`', value)
  for (const [name, number] of Object.entries(fields)) {
    if (name !== 'builds' && name !== 'days') return refuse(path, `\`history\` knows no \`${name}\``)
    if (!Number.isSafeInteger(number) || (number as number) < 0) return refuse(path, `\`history.${name}\` is no count`)
  }
  return fields
}

function refuse(path: string, reason: string): never {
  throw new TsbError('TSB_CONFIG_INVALID', `configuration \`${path}\`: ${reason}`, {
    fault: 'usage',
    hint: 'correct it; docs/disk.md says what may stand in it',
  })
}
