import { goQuote } from '../lower/go-print.ts'
import type { RawInstruction } from '../source.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const RULE: Rule = {
  name: 'SecretsUsedInArgOrEnv',
  description: 'Sensitive data should not be used in the ARG or ENV commands',
}

const SECRET = new Set(['apikey', 'auth', 'credential', 'credentials', 'key', 'password', 'pword', 'passwd', 'secret', 'token'])
const HARMLESS = new Set(['public', 'file', 'version'])

/** ARG and ENV of a stage end up in the image's history or config for everyone to read. */
export function checkSecretName(raw: RawInstruction, name: string, checks: Checks): void {
  const tokens = name.toLowerCase().split('_')
  if (!tokens.some((token) => SECRET.has(token)) || tokens.some((token) => HARMLESS.has(token))) return
  checks.report(RULE, raw.comments, () => ({
    raw,
    detail: `Do not use ARG or ENV instructions for sensitive data (${raw.name} ${goQuote(name)})`,
    hint: 'use `RUN --mount=type=secret`, or hand it to the program when it runs',
    at: raw.places.word(name),
  }))
}
