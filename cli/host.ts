import type { Effects } from '../core/effects.ts'
import type { BuildOptions, Engine, EngineOptions } from '../engine/types.ts'
import type { Terminal } from './render/terminal.ts'
import { processTerminal } from './render/terminal.ts'

/** What the command line has from its process; tests hand in another. */
export interface CliHost {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly terminal: Terminal
  /** Whether a file or directory of that name exists. */
  exists(path: string): Promise<boolean>
  /** The engine's module, loaded when first asked for. */
  loadEngine(): Promise<EngineModule>
  /** Calls `listener` at SIGINT, SIGTERM and SIGHUP until the returned function is called. */
  onSignal(listener: () => void): () => void
  /** Ends the process at once. */
  exit(code: number): void
}

export type OutputSpec = BuildOptions['outputs'][number]

/** The part of the engine room that the command line uses. */
export interface EngineModule {
  openEngine(options: EngineOptions): Promise<Engine>
  /** `--output`'s text. @throws TsbError with fault `usage` */
  parseOutput(text: string): OutputSpec
  /** `--secret`'s text. @throws TsbError with fault `usage` */
  parseSecret(text: string): BuildOptions['secrets'][number]
  /** `--ssh`'s text. @throws TsbError with fault `usage` */
  parseSsh(text: string): BuildOptions['ssh'][number]
  readonly hostEffects: Pick<Effects, 'now'>
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The real process. */
export function processHost(): CliHost {
  return {
    env: process.env,
    terminal: processTerminal(),
    exists,
    loadEngine,
    onSignal,
    exit: (code) => process.exit(code),
  }
}

async function loadEngine(): Promise<EngineModule> {
  const [{ openEngine, parseOutput, parseSecret, parseSsh }, { hostEffects }] = await Promise.all([
    import('../engine/index.ts'),
    import('../engine/host.ts'),
  ])
  return { openEngine, parseOutput, parseSecret, parseSsh, hostEffects }
}

async function exists(path: string): Promise<boolean> {
  const { access } = await import('node:fs/promises')
  return access(path).then(
    () => true,
    () => false,
  )
}

function onSignal(listener: () => void): () => void {
  for (const name of SIGNALS) process.on(name, listener)
  return () => {
    for (const name of SIGNALS) process.off(name, listener)
  }
}
