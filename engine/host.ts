import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Effects } from '../core/effects.ts'
import { layoutOf } from '../store/layout.ts'

/** The real outside world: the only place that reads a clock or opens a connection. */
export const hostEffects: Effects = {
  now: () => Date.now(),
  // Not `performance`: Node loads a module for that.
  monotonic: () => Number(process.hrtime.bigint()) / 1e6,
  randomId,
  fetch: (url, request) => fetch(url, request),
}

/** 128 bits of the kernel's. Node's own way loads a module that takes as long as the rest of a small build. */
function randomId(): string {
  const bytes = Buffer.alloc(16)
  const source = openSync('/dev/urandom', 'r')
  try {
    readSync(source, bytes)
  } finally {
    closeSync(source)
  }
  return bytes.toString('hex')
}

/** The same through the proxies that the user's environment names; without any nothing more is loaded. */
export function effectsFor(env: Environment): Effects {
  if (!['HTTP_PROXY', 'HTTPS_PROXY'].some((name) => env[name] || env[name.toLowerCase()])) return hostEffects
  return {
    ...hostEffects,
    fetch: async (url, request) => {
      const [{ proxyFor }, { fetchThrough }] = await Promise.all([import('./host/proxy-rules.ts'), import('./host/proxy.ts')])
      const parsed = new URL(url)
      const proxy = proxyFor(env, parsed)
      return proxy === undefined ? hostEffects.fetch(url, request) : fetchThrough(proxy, parsed, request ?? {})
    },
  }
}

/** The environment of the user, as far as we read it. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Where the store is: `TSBUILD_ROOT`, else the system's place for root and the user's data directory for others. */
export function storeRoot(env: Environment): string {
  if (env['TSBUILD_ROOT'] !== undefined && env['TSBUILD_ROOT'] !== '') return resolve(env['TSBUILD_ROOT'])
  if (process.getuid?.() === 0) return '/var/lib/tsbuild'
  const data = env['XDG_DATA_HOME']
  return join(data !== undefined && data !== '' ? data : join(homedir(), '.local', 'share'), 'tsbuild')
}

/** Whether anything was ever stored. */
export function storeExists(env: Environment): boolean {
  return existsSync(layoutOf(storeRoot(env)).database)
}

/** Where the program's own files are: the folder of the nearest package.json above this file, bundled or not. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder)
  return folder
}
