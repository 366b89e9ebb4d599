import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TsbError } from '../core/error.ts'

/** What native/crates/addon exports: requests and answers are JSON text, see native/index.ts. */
export interface Addon {
  readonly CancelToken: new () => CancelToken
  readonly ArrivalToken: new (path: string) => ArrivalToken
  scan(request: string, token?: CancelToken): Promise<string>
  select(request: string, token?: CancelToken): Promise<string>
  /** In a small tree, at once; `null` in any other. */
  selectSmall(request: string): string | null
  weigh(request: string): Promise<string>
  list(request: string): Promise<string>
  change(request: string, token?: CancelToken): Promise<string>
  commit(request: string, token?: CancelToken): Promise<string>
  layOver(request: string): Promise<string>
  delta(request: string): Promise<string>
  diff(request: string): Promise<string>
  applyLayer(request: string, token?: CancelToken, arrival?: ArrivalToken): Promise<string>
  writeLayer(request: string, token?: CancelToken): Promise<string>
  repackLayer(request: string, token?: CancelToken): Promise<string>
  writeBundle(request: string, token?: CancelToken): Promise<string>
  exportTar(request: string, token?: CancelToken): Promise<string>
  exportDirectory(request: string, token?: CancelToken): Promise<string>
  readFile(request: string): Promise<Uint8Array | null>
  measure(request: string): Promise<string>
  remove(request: string): Promise<string>
  sync(request: string): Promise<string>
  sha256(bytes: Uint8Array): string
}

export interface CancelToken {
  cancel(): void
}

export interface ArrivalToken {
  reached(bytes: number): void
  end(): void
  fail(): void
}

/**
 * Loads native/bin/tsbuild.node of this package.
 * @throws TsbError `TSB_NATIVE_MISSING` when it has not been built, or was built for another system.
 */
export function loadAddon(): Addon {
  const path = addonPath()
  try {
    return createRequire(import.meta.url)(path) as Addon
  } catch (cause) {
    throw new TsbError('TSB_NATIVE_MISSING', `cannot load the native core \`${path}\``, { hint: 'npm run setup', fault: 'host', cause })
  }
}

/** The addon's file, which is an extension of SQLite too: native/crates/addon/src/sqlite.rs. */
export function addonPath(): string {
  return nativeFile('tsbuild.node')
}

/** The executable that runs one container. */
export function runnerPath(): string {
  return nativeFile('tsbuild-runner')
}

function nativeFile(name: string): string {
  return join(packageRoot(), 'native', 'bin', name)
}

/** The folder of package.json above this file, which is in `native/`, in `dist/native/` or in a bundle's chunk. */
function packageRoot(): string {
  const start = dirname(fileURLToPath(import.meta.url))
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder
    if (folder === dirname(folder)) {
      throw new TsbError('TSB_NATIVE_MISSING', `no package.json above \`${start}\``, { hint: 'npm run setup', fault: 'host' })
    }
  }
}
