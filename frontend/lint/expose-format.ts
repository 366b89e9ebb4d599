import type { RawInstruction } from '../source.ts'
import type { Checks } from './checks.ts'
import type { Rule } from './rule.ts'

const CASING: Rule = { name: 'ExposeProtoCasing', description: 'Protocol in EXPOSE instruction should be lowercase' }
const FORMAT: Rule = {
  name: 'ExposeInvalidFormat',
  description: 'IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release',
}

/** Parts of a port that Docker changes or drops. Found once it is expanded. */
export function checkExposeFormat(raw: RawInstruction, port: string, protocol: string, hasHost: boolean, checks: Checks): void {
  if (protocol !== protocol.toLowerCase()) {
    checks.report(CASING, raw.comments, () => ({
      raw,
      detail: `Defined protocol '${port}' in EXPOSE instruction should be lowercase`,
      hint: `write \`${protocol.toLowerCase()}\``,
      at: raw.places.word(port),
    }))
  }
  if (!hasHost) return
  checks.report(FORMAT, raw.comments, () => ({
    raw,
    detail: `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`,
    hint: 'write the port of the container only; `run -p` publishes it',
    at: raw.places.word(port),
  }))
}
