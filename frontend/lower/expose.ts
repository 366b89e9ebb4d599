import { isIP } from 'node:net'
import type { ExposeInstruction } from '../instructions/expose.ts'
import type { Checks } from '../lint/checks.ts'
import { checkExposeFormat } from '../lint/expose-format.ts'
import { problem } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import { addHistory, expandQuietly, type LowerContext, type StageState } from './state.ts'

/** EXPOSE: ports into the config, ranges one by one. BuildKit sorts the arguments first, and history shows it. */
export function lowerExpose(instruction: ExposeInstruction, state: StageState, context: LowerContext): void {
  const words = [...instruction.ports].sort(bytewise).flatMap((port) => expandQuietly(state, instruction.raw, port).words)
  const ports = words.flatMap((word) => readPorts(word, instruction.raw, context.checks))
  for (const port of ports) state.config.ports.add(port)
  addHistory(state, `EXPOSE [${ports.join(' ')}]`, false)
}

/** `[ip:][host:]port[-port][/protocol]`; ip and host ports are checked and dropped, as Docker does. */
function readPorts(word: string, raw: RawInstruction, checks: Checks): readonly string[] {
  const fail = (why: string): Error =>
    problem(
      'TSB_DOCKERFILE_PORT',
      `\`${word}\` is not a port: ${why}`,
      raw.places.word(word),
      'write `port`, `port/udp` or `first-last/tcp`',
    )
  const slash = word.lastIndexOf('/')
  const written = slash < 0 ? '' : word.slice(slash + 1)
  const protocol = written.toLowerCase() || 'tcp'
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) throw fail(`there is no protocol \`${protocol}\``)
  const parts = (slash < 0 ? word : word.slice(0, slash)).split(':')
  const host = parts.at(-2) ?? ''
  const ip = parts
    .slice(0, -2)
    .join(':')
    .replace(/^\[(.*)\]$/, '$1')
  if ((parts.at(-1) ?? '') === '') throw fail('there is no port')
  checkExposeFormat(raw, word, written, ip !== '' || host !== '', checks)
  const container = readRange(parts.at(-1) ?? '', fail)
  if (host !== '') {
    const hosts = readRange(host, fail)
    const count = container.last - container.first
    if (hosts.last - hosts.first !== count && count !== 0) throw fail('the ranges have different sizes')
  }
  if (ip !== '' && (isIP(ip) === 0 || ip.includes('%'))) throw fail(`\`${ip}\` is not an address`)
  return Array.from({ length: container.last - container.first + 1 }, (_, i) => `${container.first + i}/${protocol}`)
}

function readRange(text: string, fail: (why: string) => Error): { first: number; last: number } {
  const match = /^\+?(\d+)(?:-\+?(\d+))?$/.exec(text)
  const first = Number(match?.[1] ?? Number.NaN)
  const last = Number(match?.[2] ?? match?.[1] ?? Number.NaN)
  if (match === null || first > 65_535 || last > 65_535) throw fail('ports are numbers from 0 to 65535')
  if (last < first) throw fail('the range is empty')
  return { first, last }
}

function bytewise(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
