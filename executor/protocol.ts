import { TsbError } from '../core/error.ts'

/** The runner's descriptors that it takes requests from and reports on. */
export const REQUESTS = 3
export const EVENTS = 4

/** What `tsbuild-runner` is asked for: the first line on its descriptor 3 (native/crates/runner/src/protocol.rs). */
export interface RunnerRequest {
  readonly id: string
  readonly bundle: string
  /** The bundle's files: name to text. */
  readonly files: Readonly<Record<string, string>>
  readonly sources: readonly RunnerSource[]
  readonly runtime: string
  readonly layers: readonly string[]
  readonly upper: string
  readonly work: string
  readonly network: { readonly kind: 'host' } | { readonly kind: 'none' } | { readonly kind: 'joined'; readonly pid: number }
  readonly openPorts: boolean
  readonly cgroup: string
  readonly terminal: boolean
  readonly capture: boolean
  readonly mounts: readonly { readonly target: string; readonly source?: string; readonly mode?: number }[]
  readonly cwd: { readonly path: string; readonly uid: number; readonly gid: number }
  readonly command: string
  readonly path?: string
}

/** What has to stand at a place of the bundle before the container starts. */
export type RunnerSource =
  | {
      readonly place: string
      readonly kind: 'tree'
      readonly layers: readonly string[]
      readonly upper?: { readonly path: string; readonly work: string }
      readonly path: string
    }
  | {
      readonly place: string
      readonly kind: 'file'
      readonly hex: string
      readonly mode: number
      readonly uid: number
      readonly gid: number
    }

/** Later lines. The end of the descriptor means: kill everything. */
export type RunnerControl = { readonly kind: 'signal'; readonly signal: number }

/** What it reports, a line each, on its descriptor 4. The last one says how it ended. */
export type RunnerEvent = { readonly kind: 'started' } | RunnerEnd

export type RunnerEnd =
  /** `networkLeft`: the network that it joined still has connections of it. */
  | { readonly kind: 'exited'; readonly code: number; readonly networkLeft: boolean }
  | { readonly kind: 'signaled'; readonly signal: number; readonly networkLeft: boolean }
  | { readonly kind: 'failed'; readonly code: RunnerFailure; readonly message: string }

/** What the holder of a network reports: whose network can be used now, or why there is none. */
export type HolderEvent =
  | { readonly kind: 'network'; readonly pid: number }
  | { readonly kind: 'failed'; readonly code: HostFailure; readonly message: string }

export type RunnerFailure = HostFailure | 'command-not-found' | 'command-not-executable'

/** It was not the command that failed. */
export type HostFailure = 'request' | 'isolation' | 'privilege' | 'root' | 'mount-source' | 'mount-target' | 'network' | 'runtime'

/** One line. */
export function encode(message: RunnerRequest | RunnerControl): string {
  return `${JSON.stringify(message)}\n`
}

/** Takes text as it arrives, and calls `onEvent` for every whole line. */
export function createEventDecoder<E extends RunnerEvent | HolderEvent>(onEvent: (event: E) => void): (text: string) => void {
  let rest = ''
  return (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onEvent(decode<E>(line))
  }
}

/** The runner is built with us, so its lines are trusted to have the shape of their kind. */
function decode<E>(line: string): E {
  const event: unknown = JSON.parse(line)
  if (typeof event === 'object' && event !== null && 'kind' in event) return event as E
  throw new TsbError('TSB_BUG', `the runner said \`${line}\``, { fault: 'bug' })
}
