import { TsbError } from '../core/error.ts'

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
  readonly network: { readonly kind: 'host' } | { readonly kind: 'none' } | { readonly kind: 'pasta'; readonly program: string }
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
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signaled'; readonly signal: number }
  | { readonly kind: 'failed'; readonly code: RunnerFailure; readonly message: string }

export type RunnerFailure =
  | 'request'
  | 'isolation'
  | 'privilege'
  | 'root'
  | 'mount-source'
  | 'mount-target'
  | 'network'
  | 'runtime'
  | 'command-not-found'
  | 'command-not-executable'

/** One line. */
export function encode(message: RunnerRequest | RunnerControl): string {
  return `${JSON.stringify(message)}\n`
}

/** Takes text as it arrives, and calls `onEvent` for every whole line. */
export function createEventDecoder(onEvent: (event: RunnerEvent) => void): (text: string) => void {
  let rest = ''
  return (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onEvent(decode(line))
  }
}

/** The runner is built with us, so its lines are trusted to have the shape of their kind. */
function decode(line: string): RunnerEvent {
  const event: unknown = JSON.parse(line)
  if (typeof event === 'object' && event !== null && 'kind' in event) return event as RunnerEvent
  throw new TsbError('TSB_BUG', `the runner said \`${line}\``, { fault: 'bug' })
}
