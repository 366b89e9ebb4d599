import { TsbError } from '../../core/error.ts'
import type { CallName } from '../../engine/types.ts'

/** What `--call` asks for instead of a build. */
export interface CallOption {
  readonly name: CallName
  readonly json: boolean
  /** Exit code 0 whatever the build checks find, as long as the file can be built. */
  readonly ignoreStatus: boolean
}

const NAMES: Readonly<Record<string, CallName>> = { check: 'check', lint: 'check', outline: 'outline', targets: 'targets' }
const BOOLEANS: Readonly<Record<string, boolean>> = { '1': true, t: true, true: true, '0': false, f: false, false: false }

/**
 * Reads `NAME[,format=text|json][,ignorestatus[=true]]` as buildx does; nothing for `build`, and `--check` is short for `check`.
 * @throws TsbError `TSB_USAGE_INVALID_VALUE`
 */
export function readCall({ call, check }: { readonly call?: string; readonly check?: true }): CallOption | undefined {
  const [text = '', ...fields] = (call ?? (check ? 'check' : 'build')).split(',')
  let json = false
  let ignoreStatus = false
  for (const field of fields) {
    const [key, value = 'true'] = field.split('=')
    if (key === 'format' && (value === 'json' || value === 'text')) json = value === 'json'
    else if (key === 'ignorestatus' && BOOLEANS[value.toLowerCase()] !== undefined) ignoreStatus = BOOLEANS[value.toLowerCase()] ?? false
    else throw invalid(`\`${field}\` is no option of \`--call\``, 'write `format=json` or `ignorestatus=true`')
  }
  if (text === 'build' || text === '') return undefined
  const name = Object.hasOwn(NAMES, text) ? NAMES[text] : undefined
  if (name === undefined) throw invalid(`\`--call\` cannot do \`${text}\``, 'choose build, check, outline or targets')
  return { name, json, ignoreStatus }
}

function invalid(message: string, hint: string): TsbError {
  return new TsbError('TSB_USAGE_INVALID_VALUE', message, { fault: 'usage', hint })
}
