import type { ImageConfig } from '../../core/manifest.ts'
import { formatPlatform, type Platform } from '../../core/platform.ts'
import type { RawInstruction } from '../source.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = {
  name: 'InvalidBaseImagePlatform',
  description: 'Base image platform does not match expected target platform',
  unlisted: true,
}

/** A base made for another platform than the one asked for. `base` is its name as FROM has it. */
export function checkBasePlatform(raw: RawInstruction, base: string, config: ImageConfig, wanted: Platform, checks: Checks): void {
  const { os, architecture, variant } = config
  if (os === wanted.os && architecture === wanted.architecture) return
  const actual = formatPlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) })
  const expected = formatPlatform(wanted)
  checks.report(RULE, [], () => ({
    raw,
    detail: `Base image ${base} was pulled with platform "${actual}", expected "${expected}" for current build`,
    hint: `pull it for \`${expected}\`, or write \`FROM --platform=${actual}\``,
  }))
}
