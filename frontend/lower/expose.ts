import { isIP } from 'node:net'
import type { ExposeInstruction } from '../instructions/expose.ts'
import { exposeFormat } from '../lint/expose-format.ts'
import { problem } from '../problems.ts'
import { addHistory, expandIn, type LowerContext, type StageState } from './state.ts'

/** EXPOSE: ports into the config, ranges one by one. BuildKit sorts the arguments first, and history shows it. */
export function lowerExpose(instruction: ExposeInstruction, state: StageState, context: LowerContext): void {
  const { raw } = instruction
  const words = instruction.ports.flatMap((port) => expandIn(state, context, raw, port).words)
  for (const word of words) for (const finding of exposeFormat(raw, word)) context.problems.warn(finding)
  words.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  const ports = words.flatMap((word) =>
    readPorts(word, (why) =>
      problem(
        'TSB_DOCKERFILE_PORT',
        `\`${word}\` is not a port: ${why}`,
        raw.places.word(word),
        'write `port`, `port/udp` or `first-last/tcp`',
      ),
    ),
  )
  const exposed: Record<string, Record<string, never>> = { ...state.config.ExposedPorts }
  for (const port of ports) exposed[port] = {}
  state.config.ExposedPorts = exposed
  addHistory(state, `EXPOSE [${ports.join(' ')}]`, false)
}

/** `[ip:][host:]port[-port][/protocol]`; ip and host ports are checked and dropped, as Docker does. */
function readPorts(word: string, fail: (why: string) => Error): readonly string[] {
  const slash = word.lastIndexOf('/')
  const protocol = (slash < 0 ? '' : word.slice(slash + 1)).toLowerCase() || 'tcp'
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) throw fail(`there is no protocol \`${protocol}\``)
  const parts = (slash < 0 ? word : word.slice(0, slash)).split(':')
  const container = readRange(parts.at(-1) ?? '', fail)
  const host = parts.length > 1 ? (parts.at(-2) ?? '') : ''
  if (host !== '') {
    const hosts = readRange(host, fail)
    const count = container.last - container.first
    if (hosts.last - hosts.first !== count && count !== 0) throw fail('the ranges have different sizes')
  }
  const ip = parts
    .slice(0, -2)
    .join(':')
    .replace(/^\[(.*)\]$/, '$1')
  if (ip !== '' && isIP(ip) === 0) throw fail(`\`${ip}\` is not an address`)
  return Array.from({ length: container.last - container.first + 1 }, (_, i) => `${container.first + i}/${protocol}`)
}

function readRange(text: string, fail: (why: string) => Error): { first: number; last: number } {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text)
  const first = Number(match?.[1] ?? Number.NaN)
  const last = Number(match?.[2] ?? match?.[1] ?? Number.NaN)
  if (match === null || first > 65_535 || last > 65_535) throw fail('ports are numbers from 0 to 65535')
  if (last < first) throw fail('the range is empty')
  return { first, last }
}
