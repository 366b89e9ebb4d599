import type { Healthcheck } from '../../core/manifest.ts'
import { parseDuration } from '../duration.ts'
import { readFlags } from '../flags.ts'
import { problem } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import { readJsonStrings, splitKeyword } from '../split.ts'
import { type Located, missing } from './common.ts'

export interface HealthcheckInstruction extends Located {
  readonly kind: 'healthcheck'
  readonly check: Healthcheck
}

const MILLISECOND = 1e6

/** `HEALTHCHECK [flags] CMD command` or `HEALTHCHECK NONE`. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS`, `TSB_DOCKERFILE_FLAG_INVALID` */
export function readHealthcheck(raw: RawInstruction): HealthcheckInstruction {
  const flags = readFlags(raw, { interval: 'text', timeout: 'text', 'start-period': 'text', 'start-interval': 'text', retries: 'text' })
  const { keyword, rest } = splitKeyword(raw.rest)
  if (keyword === '') throw missing(raw)
  if (keyword.toUpperCase() === 'NONE') {
    if (rest !== '')
      throw problem('TSB_DOCKERFILE_ARGUMENTS', '`HEALTHCHECK NONE` takes nothing more', raw.span, 'write `HEALTHCHECK NONE`')
    return { kind: 'healthcheck', raw, check: { Test: ['NONE'] } }
  }
  if (keyword.toUpperCase() !== 'CMD') {
    throw problem(
      'TSB_DOCKERFILE_ARGUMENTS',
      `\`${keyword}\` is no kind of health check`,
      raw.places.word(keyword),
      'write `HEALTHCHECK CMD command`',
    )
  }
  const args = readJsonStrings(rest)
  if (rest === '' || args?.length === 0)
    throw problem('TSB_DOCKERFILE_ARGUMENTS', '`HEALTHCHECK CMD` has no command', raw.span, 'write `HEALTHCHECK CMD command`')
  const check: Healthcheck = {
    Test: args === undefined ? ['CMD-SHELL', rest] : ['CMD', ...args],
    ...nonZero('Interval', readTime(raw, 'interval', flags.text('interval'))),
    ...nonZero('Timeout', readTime(raw, 'timeout', flags.text('timeout'))),
    ...nonZero('StartPeriod', readTime(raw, 'start-period', flags.text('start-period'))),
    ...nonZero('StartInterval', readTime(raw, 'start-interval', flags.text('start-interval'))),
    ...nonZero('Retries', readRetries(raw, flags.text('retries'))),
  }
  return { kind: 'healthcheck', raw, check }
}

function nonZero<K extends string>(name: K, value: number): { readonly [P in K]?: number } {
  return value === 0 ? {} : ({ [name]: value } as { readonly [P in K]?: number })
}

function readTime(raw: RawInstruction, flag: string, text: string | undefined): number {
  if (text === undefined || text === '') return 0
  const time = parseDuration(text)
  if (time === undefined || (time !== 0 && time < MILLISECOND)) {
    const why = time === undefined ? 'is not a time' : 'is less than a millisecond'
    throw problem(
      'TSB_DOCKERFILE_FLAG_INVALID',
      `\`--${flag}=${text}\` ${why}`,
      raw.places.word(`--${flag}`),
      `write it like \`--${flag}=30s\``,
    )
  }
  return time
}

function readRetries(raw: RawInstruction, text: string | undefined): number {
  if (text === undefined || text === '') return 0
  const retries = /^[+-]?\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (!(retries >= 0 && retries < 2 ** 31)) {
    throw problem(
      'TSB_DOCKERFILE_FLAG_INVALID',
      `\`--retries=${text}\` is not a number`,
      raw.places.word('--retries'),
      'write it like `--retries=3`',
    )
  }
  return retries
}
