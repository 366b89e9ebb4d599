import { type ErrorCode, type Fault, TsbError } from '../core/error.ts'
import type { HostFailure, RunnerEnd, RunnerFailure } from './protocol.ts'
import type { ProcessOutcome } from './types.ts'

/**
 * What the runner's last word means for the caller.
 * @throws TsbError where it was not the command that failed but what should have run it.
 */
export function toOutcome(end: RunnerEnd, durationMs: number): ProcessOutcome {
  switch (end.kind) {
    case 'exited':
      return { kind: 'exited', code: end.code, durationMs }
    case 'signaled':
      return { kind: 'signaled', signal: end.signal, durationMs }
    case 'failed':
      return notStarted(end.code, end.message)
  }
}

function notStarted(code: RunnerFailure, message: string): ProcessOutcome {
  switch (code) {
    case 'command-not-found':
      return { kind: 'not-started', reason: 'not-found', message }
    case 'command-not-executable':
      return { kind: 'not-started', reason: 'not-executable', message }
    case 'runtime': {
      const reason = reasonOf(message)
      if (reason === undefined) throw toError(isMountTarget(message) ? 'mount-target' : code, message)
      return { kind: 'not-started', reason, message }
    }
    default:
      throw toError(code, message)
  }
}

type Reason = Extract<ProcessOutcome, { kind: 'not-started' }>['reason']

/**
 * Reads a runtime's message where the runner could not tell beforehand (a command below a mount, a user's rights).
 * These are the words of the runtimes: Go's `exec` package for runc, crun's own.
 */
function reasonOf(message: string): Reason | undefined {
  if (!/exec|executable/i.test(message)) return undefined
  if (/executable file (`[^`]*` )?not found|: no such file or directory/i.test(message)) return 'not-found'
  if (/permission denied|exec format error|is a directory/i.test(message)) return 'not-executable'
  return undefined
}

/** The words of runc and of crun for a mount that they cannot make: below another one the runner cannot look beforehand. */
function isMountTarget(message: string): boolean {
  return /error mounting .* to rootfs at|mount .* to `[^`]*`:|(?:creat(?:e|ing)|make) mountpoint/i.test(message)
}

const ERRORS: Readonly<Record<HostFailure, readonly [code: ErrorCode, fault: Fault, hint?: string]>> = {
  request: ['TSB_BUG', 'bug'],
  isolation: ['TSB_RUNTIME_FAILED', 'host'],
  privilege: ['TSB_PRIVILEGE_MISSING', 'host', 'run as root'],
  root: ['TSB_RUNTIME_FAILED', 'host'],
  'mount-source': ['TSB_MOUNT_SOURCE_MISSING', 'input', 'check the path: it is relative to the root of its source'],
  'mount-target': ['TSB_MOUNT_TARGET', 'step', 'mount a directory on a directory, and a file on a file, or where nothing is yet'],
  network: ['TSB_NETWORK_FAILED', 'host', 'check the network of this machine, or use `--network host`'],
  runtime: ['TSB_RUNTIME_FAILED', 'host', 'check that the OCI runtime itself works, or name another with `--oci-runtime`'],
}

/** Where the system, as runner and runtimes quote it, has the disk at fault, it matters little what was being done. */
const DISK_FAULTS: readonly (readonly [words: RegExp, ...error: (typeof ERRORS)[HostFailure]])[] = [
  [/input\/output error/i, 'TSB_DISK_FAILED', 'host', 'look for disk errors in the kernel log'],
  [/no space left on device|quota exceeded/i, 'TSB_DISK_FULL', 'host', 'free disk space, or set TSBUILD_ROOT to another disk'],
]

/** Why there is no container, in one line. */
export function toError(failure: HostFailure, message: string): TsbError {
  const [, ...disk] = DISK_FAULTS.find(([words]) => words.test(message)) ?? [undefined, ...ERRORS[failure]]
  const [code, fault, hint] = disk
  const line = message.trim().replace(/\s*\n\s*/g, '; ')
  return new TsbError(code, `container did not run: ${line}`, hint === undefined ? { fault } : { fault, hint })
}
