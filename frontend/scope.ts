import { formatPlatform, type Platform } from '../core/platform.ts'
import { expand } from './expand.ts'
import type { Problems } from './problems.ts'
import type { Program } from './program.ts'
import type { CompileRequest } from './types.ts'

/** Names with values, in order. */
export type Variables = Map<string, string>

/**
 * What FROM lines see: platform arguments and ARGs before the first FROM (Dockerfile reference, "Understand how ARG
 * and FROM interact"). A build argument of `given` beats a default; those that replace platform arguments always do.
 */
export function globalScope(
  program: Program,
  request: CompileRequest,
  given: ReadonlyMap<string, string>,
  problems: Problems,
): ReadonlyMap<string, string> {
  const scope: Variables = platformArguments(program, request)
  for (const name of scope.keys()) {
    const value = request.buildArgs.get(name)
    if (value !== undefined) scope.set(name, value)
  }
  for (const instruction of program.globalArgs) {
    const { raw } = instruction
    problems.attempt(raw.span, () => {
      for (const { name, value } of instruction.args) {
        const chosen =
          given.get(name) ?? (value === undefined ? undefined : expand(value, (key) => scope.get(key), { escape: raw.escape }).text)
        if (chosen !== undefined) scope.set(name, chosen)
      }
    })
  }
  return scope
}

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY']

/** Proxy settings among the build arguments, in both spellings: RUN sees them without ARG, keys and history do not. */
export function proxyVariables(buildArgs: ReadonlyMap<string, string>): readonly string[] {
  const given = new Map([...buildArgs].map(([name, value]) => [name.toUpperCase(), value]))
  return PROXIES.flatMap((name) => {
    const value = given.get(name) ?? ''
    return value === '' ? [] : [`${name}=${value}`, `${name.toLowerCase()}=${value}`]
  })
}

function platformArguments(program: Program, request: CompileRequest): Variables {
  const last = program.stages.at(-1)?.from.name ?? ''
  return new Map([
    ...platformEntries('BUILD', request.buildPlatform),
    ...platformEntries('TARGET', request.platform),
    ['TARGETSTAGE', request.target ?? (last === '' ? 'default' : last)] as const,
  ])
}

function platformEntries(prefix: string, platform: Platform): readonly (readonly [string, string])[] {
  return [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}OSVERSION`, platform.osVersion ?? ''],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ''],
  ]
}
