import { blake3Digest, type Digest } from './digest.ts'

/** What can be encoded canonically: JSON without floating-point numbers. */
export type Canonical = null | boolean | number | string | readonly Canonical[] | { readonly [key: string]: Canonical | undefined }

/**
 * The one spelling of a value: JSON with keys sorted by code unit, no white space, `undefined` members left out.
 * Equal values have equal text on every machine, which is what keys are made of.
 */
export function canonical(value: Canonical): string {
  if (value === null || typeof value !== 'object') {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new RangeError(`not canonical: ${value}`)
    return JSON.stringify(value)
  }
  if (isList(value)) return `[${value.map(canonical).join(',')}]`
  const members: string[] = []
  for (const key of Object.keys(value).sort()) {
    const member = value[key]
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${canonical(member)}`)
  }
  return `{${members.join(',')}}`
}

/** BLAKE3 of the canonical text. */
export function canonicalDigest(value: Canonical): Digest {
  return blake3Digest(canonical(value))
}

function isList(value: object): value is readonly Canonical[] {
  return Array.isArray(value)
}
