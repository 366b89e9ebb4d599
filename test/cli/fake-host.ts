import type { CliHost, EngineModule, OutputSpec } from '../../cli/host.ts'
import { TsbError } from '../../core/error.ts'
import type { Engine } from '../../engine/types.ts'
import { START } from './case-file.ts'
import { FakeTerminal } from './fake-terminal.ts'

/** One call of an engine's method, or of `openEngine`. */
export interface Call {
  readonly name: string
  readonly args: readonly unknown[]
}

export interface FakeHost extends CliHost {
  readonly terminal: FakeTerminal
  readonly calls: Call[]
  /** How often the engine's module was asked for. */
  engineLoads: number
  /** Codes that the process was ended with at once. */
  readonly exits: number[]
  /** As if SIGINT arrived. */
  interrupt(): void
  /** Arguments of the one call of that method. */
  callOf(name: string): readonly unknown[]
}

/** A host whose engine records its calls and answers with `answers`, or fails with what an answer throws. */
export function fakeHost(
  answers: Partial<Omit<Engine, typeof Symbol.asyncDispose>> = {},
  options: { terminal?: FakeTerminal; env?: Record<string, string>; paths?: readonly string[] } = {},
): FakeHost {
  const calls: Call[] = []
  const signals = new Set<() => void>()
  const engine = recordingEngine(answers, calls)
  const module: EngineModule = {
    openEngine: async (engineOptions) => {
      calls.push({ name: 'openEngine', args: [engineOptions] })
      return engine
    },
    parseOutput: fakeParseOutput,
    parseSecret: (text) => ({ id: text }),
    parseSsh: (text) => ({ id: text, paths: [] }),
    hostEffects: { now: () => START },
  }
  const host: FakeHost = {
    env: options.env ?? {},
    terminal: options.terminal ?? new FakeTerminal(),
    calls,
    engineLoads: 0,
    exits: [],
    exists: async (path) => (options.paths ?? []).includes(path),
    loadEngine: async () => {
      host.engineLoads++
      return module
    },
    onSignal: (listener) => {
      signals.add(listener)
      return () => signals.delete(listener)
    },
    exit: (code) => host.exits.push(code),
    interrupt: () => {
      for (const listener of signals) listener()
    },
    callOf: (name) => {
      const found = calls.filter((call) => call.name === name)
      if (found.length !== 1) throw new Error(`${found.length} calls of ${name}`)
      return found[0]?.args ?? []
    },
  }
  return host
}

function recordingEngine(answers: Partial<Omit<Engine, typeof Symbol.asyncDispose>>, calls: Call[]): Engine {
  const record = (name: string, ...args: readonly unknown[]): void => {
    calls.push({ name, args })
  }
  return {
    build: async (options, onEvent, signal) => {
      record('build', options, signal)
      return (await answers.build?.(options, onEvent, signal)) ?? { containersStarted: 0 }
    },
    call: async (name, options, onEvent, signal) => {
      record('call', name, options)
      return (
        (await answers.call?.(name, options, onEvent, signal)) ?? {
          kind: 'targets',
          list: { file: { name: 'Dockerfile', text: '' }, targets: [] },
          assumed: [],
        }
      )
    },
    run: async (options, signal) => {
      record('run', options)
      return (await answers.run?.(options, signal)) ?? 0
    },
    checkHost: async () => {
      record('checkHost')
      return (await answers.checkHost?.()) ?? []
    },
    checkStore: async (signal) => {
      record('checkStore')
      return (await answers.checkStore?.(signal)) ?? { root: '/store', findings: [], layers: 0, blobs: 0, trees: 0 }
    },
    images: async () => {
      record('images')
      return (await answers.images?.()) ?? []
    },
    builds: async () => {
      record('builds')
      return (await answers.builds?.()) ?? []
    },
    recordedBuild: async (word) => {
      record('recordedBuild', word)
      const build = await answers.recordedBuild?.(word)
      if (build === undefined) throw new TsbError('TSB_HISTORY_UNKNOWN', 'no build', { fault: 'input' })
      return build
    },
    explain: async (word) => {
      record('explain', word)
      const explanation = await answers.explain?.(word)
      if (explanation === undefined) throw new TsbError('TSB_HISTORY_UNKNOWN', 'no build', { fault: 'input' })
      return explanation
    },
    forgetBuilds: async (words) => {
      record('forgetBuilds', words)
      return (await answers.forgetBuilds?.(words)) ?? []
    },
    diskUsage: async (filters) => {
      record('diskUsage', filters)
      return (await answers.diskUsage?.(filters)) ?? { entries: [], images: [], total: 0 }
    },
    prune: async (options) => {
      record('prune', options)
      return (await answers.prune?.(options)) ?? { entries: [], bytes: 0 }
    },
    importRoot: async (file, name, signal) => {
      record('importRoot', file, name)
      return (await answers.importRoot?.(file, name, signal)) ?? `sha256:${'0'.repeat(64)}`
    },
    load: async (file, signal) => {
      record('load', file)
      return (await answers.load?.(file, signal)) ?? []
    },
    save: async (names, file, format, signal) => {
      record('save', names, file, format)
      await answers.save?.(names, file, format, signal)
    },
    [Symbol.asyncDispose]: async () => record('dispose'),
  }
}

/** Enough of the real one for the command line: `type=…,dest=…`. */
function fakeParseOutput(text: string): OutputSpec {
  if (text === 'bad') throw new TsbError('TSB_OUTPUT_INVALID', 'bad output', { fault: 'usage' })
  return { type: 'tar', dest: text }
}
