import type { Diagnostic } from '../../core/diagnostic.ts'
import type { RawInstruction } from '../source.ts'
import { warning } from './rule.ts'

/** ExposeInvalidFormat and ExposeProtoCasing: parts of a port that Docker drops or changes. Found once it is expanded. */
export function* exposeFormat(raw: RawInstruction, port: string): Iterable<Diagnostic> {
  const span = raw.places.word(port)
  const protocol = port.split('/')[1] ?? ''
  if (port.includes(':')) {
    const hint = 'write the port of the container only; `run -p` publishes it'
    yield warning('ExposeInvalidFormat', { message: `address and host port of \`${port}\` have no effect`, hint, span })
  }
  if (protocol !== protocol.toLowerCase()) {
    const hint = `write \`${protocol.toLowerCase()}\``
    yield warning('ExposeProtoCasing', { message: `protocol \`${protocol}\` has upper-case letters`, hint, span })
  }
}
