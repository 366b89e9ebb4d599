import type { ErrorCode, TsbError } from '../core/error.ts'
import { problem } from './problems.ts'
import type { RawInstruction } from './source.ts'
import { didYouMean } from './suggest.ts'

/** `text` needs a value, `switch` is true, false or bare, `list` may be repeated. */
export type FlagKind = 'text' | 'switch' | 'list'

/** The flags of one instruction, by name without the dashes. */
export interface Flags<N extends string> {
  text(name: N): string | undefined
  list(name: N): readonly string[]
  /** `undefined` when the flag is not there. */
  switch(name: N): boolean | undefined
}

/**
 * Reads an instruction's flags against those it knows.
 * @throws TsbError `TSB_DOCKERFILE_UNKNOWN_FLAG`, `TSB_DOCKERFILE_FLAG_INVALID` (no value, not a boolean, given twice)
 */
export function readFlags<N extends string>(raw: RawInstruction, known: Readonly<Record<N, FlagKind>>): Flags<N> {
  const values = new Map<string, string[]>()
  for (const flag of raw.flags) {
    const equals = flag.indexOf('=')
    const name = flag.slice(2, equals < 0 ? undefined : equals)
    const value = equals < 0 ? undefined : flag.slice(equals + 1)
    const fail = (code: ErrorCode, message: string, hint: string): TsbError => problem(code, message, raw.places.word(flag), hint)
    const kind = Object.hasOwn(known, name) ? known[name as N] : undefined
    if (kind === undefined) {
      const names = Object.keys(known).map((item) => `--${item}`)
      const fallback = names.length === 0 ? `\`${raw.name}\` has no flags` : `flags of \`${raw.name}\` are ${names.join(', ')}`
      const hint = didYouMean(`--${name}`, names, fallback)
      throw fail('TSB_DOCKERFILE_UNKNOWN_FLAG', `unknown flag \`--${name}\` of \`${raw.name}\``, hint)
    }
    const earlier = values.get(name)
    if (earlier !== undefined && kind !== 'list')
      throw fail('TSB_DOCKERFILE_FLAG_INVALID', `flag \`--${name}\` is given twice`, 'keep one of them')
    if (value === undefined && kind !== 'switch')
      throw fail('TSB_DOCKERFILE_FLAG_INVALID', `flag \`--${name}\` has no value`, `write \`--${name}=VALUE\``)
    if (kind === 'switch' && value !== undefined && !/^(true|false)$/i.test(value)) {
      throw fail('TSB_DOCKERFILE_FLAG_INVALID', `flag \`--${name}\` is true or false, not \`${value}\``, `write \`--${name}=true\``)
    }
    values.set(name, [...(earlier ?? []), value ?? 'true'])
  }
  return {
    text: (name) => values.get(name)?.[0],
    list: (name) => values.get(name) ?? [],
    switch: (name) => {
      const value = values.get(name)?.[0]
      return value === undefined ? undefined : value.toLowerCase() === 'true'
    },
  }
}

/**
 * Refuses a flag that is understood but not built yet.
 * @throws TsbError `TSB_DOCKERFILE_UNSUPPORTED`
 */
export function refuse(raw: RawInstruction, what: string, part: string, hint: string): never {
  throw problem('TSB_DOCKERFILE_UNSUPPORTED', `${what} is not supported yet`, raw.places.word(part), hint)
}
