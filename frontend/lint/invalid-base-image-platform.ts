import type { Diagnostic } from '../../core/diagnostic.ts'
import type { ResolvedImage } from '../../core/image-plan.ts'
import { formatPlatform, type Platform } from '../../core/platform.ts'
import type { RawInstruction } from '../source.ts'
import { warning } from './rule.ts'

/** InvalidBaseImagePlatform: a base made for another platform than the one asked for. Found when the base is known. */
export function invalidBaseImagePlatform(raw: RawInstruction, image: ResolvedImage, wanted: Platform): Diagnostic {
  const { os, architecture } = image.config
  return warning('InvalidBaseImagePlatform', {
    message: `\`${image.reference}\` is for \`${os}/${architecture}\`, expected \`${formatPlatform(wanted)}\``,
    hint: `pull it for \`${formatPlatform(wanted)}\`, or write \`FROM --platform=${os}/${architecture}\``,
    span: raw.span,
  })
}
