import { spawn } from 'node:child_process'
import { interrupted, TsbError } from '../../core/error.ts'
import { redactUrl, splitCredentials } from '../../core/url.ts'
import { gitAuthorization } from './credentials.ts'
import type { RemoteWork } from './types.ts'

/** Runs the installed git for one repository. */
export interface Git {
  /** What git is given as the repository: without credentials. */
  readonly remote: string
  /** As it may be shown. */
  readonly shown: string
  /** Runs `git ARGS` and gives what it prints. @throws TsbError `TSB_GIT_MISSING`, `TSB_GIT_FAILED`, `TSB_INTERRUPTED` */
  run(args: readonly string[], directory?: string): Promise<string>
}

/** A git that ended badly, with its own words; `TSB_GIT_FAILED` outside. */
export interface GitFailure {
  readonly words: string
}

/**
 * Git with an environment of its own: nothing of the user's or the system's configuration, no hooks, no questions, and no
 * protocols but those of the network. Credentials go into the environment, where only this user can see them.
 */
export async function openGit(work: RemoteWork, remote: string): Promise<Git> {
  const split = splitCredentials(remote)
  const { url } = split
  const authorization = await gitAuthorization(work, split)
  const header = authorization === undefined ? [] : [[`http.${originOf(url)}.extraHeader`, `Authorization: ${authorization}`]]
  const env = environment(work, [...CONFIG, ...header])
  const shown = redactUrl(url)
  return { remote: url, shown, run: (args, directory) => runGit(work, env, shown, args, directory) }
}

const CONFIG: readonly (readonly string[])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.autocrlf', 'false'],
  // It would hold who fetched, and when.
  ['core.logAllRefUpdates', 'false'],
  ['credential.helper', ''],
  ['init.defaultBranch', 'master'],
  ['advice.detachedHead', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
]

/** What of the user's environment git may see: where things are, how to reach the network, whom ssh asks. */
const PASSED =
  /^(?:PATH|HOME|USER|LOGNAME|TMPDIR|SSH_AUTH_SOCK|SSH_AGENT_PID|(?:https?|all|no)_proxy|GIT_SSL_(?:CAINFO|CAPATH|NO_VERIFY)|SSL_CERT_(?:FILE|DIR))$/i

function environment({ env }: RemoteWork, config: readonly (readonly string[])[]): NodeJS.ProcessEnv {
  const passed = Object.entries(env).filter(([name, value]) => value !== undefined && PASSED.test(name))
  return {
    ...Object.fromEntries(passed),
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: 'http:https:git:ssh',
    GIT_SSH_COMMAND: 'ssh -o BatchMode=yes',
    GIT_CONFIG_COUNT: String(config.length),
    ...Object.fromEntries(
      config.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
  }
}

/**
 * Modes of what is checked out depend on the umask, so a shell sets it: Node's is that of the whole process. It also listens to its
 * input, which says nothing and ends with us, however we end: a git that waits for the network would outlive us for hours.
 */
const SCRIPT = `umask 022
exec 3<&0
{ read -r _ <&3; kill -s TERM 0; } >/dev/null 2>&1 &
listener=$!
git "$@" </dev/null 3<&-
code=$?
kill $listener
exit $code`

function runGit(work: RemoteWork, env: NodeJS.ProcessEnv, shown: string, args: readonly string[], cwd?: string): Promise<string> {
  const { signal } = work
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(interrupted())
    // A group of its own, so that git's helpers end with it.
    const options = { env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] as ['pipe', 'pipe', 'pipe'] }
    const child = spawn('/bin/sh', ['-c', SCRIPT, 'sh', ...args], { ...options, ...(cwd === undefined ? {} : { cwd }) })
    const stop = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM')
      } catch {
        // It has just ended by itself.
      }
    }
    signal.addEventListener('abort', stop, { once: true })
    const output = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        // Nothing that we ask for is long; of what goes wrong the end tells.
        output[name] = name === 'stdout' ? output[name] + text : (output[name] + text).slice(-16_384)
      })
    }
    child.on('error', (error) => reject(missing(error)))
    child.on('close', (code) => {
      signal.removeEventListener('abort', stop)
      if (signal.aborted) reject(interrupted())
      else if (code === 0) resolve(output.stdout)
      else if (code === 127 && /not found/.test(output.stderr)) reject(missing(undefined))
      else reject(failed(shown, args, output.stderr))
    })
  })
}

function missing(cause: unknown): TsbError {
  return new TsbError('TSB_GIT_MISSING', 'a git repository is wanted, and there is no `git` here', {
    fault: 'host',
    hint: 'install git, or give the files in another way',
    cause,
  })
}

function failed(shown: string, args: readonly string[], stderr: string): TsbError {
  const verb = args.find((arg) => /^[a-z][a-z-]+$/.test(arg)) ?? ''
  const lines = stderr.split('\n').filter((line) => line.trim() !== '')
  const telling = lines.find((line) => /^(?:fatal|error|ERROR):/.test(line)) ?? lines.at(-1) ?? 'it gave no reason'
  const words = telling.replace(/^(?:fatal|error|ERROR): /, '').replace(/https?:\/\/[^\s']+/g, (url) => redactUrl(url))
  const cause: GitFailure = { words: stderr }
  return new TsbError('TSB_GIT_FAILED', `cannot ${VERBS[verb] ?? verb} \`${shown}\`: ${words}`, {
    fault: 'remote',
    hint: hintOf(stderr),
    cause,
  })
}

const VERBS: Readonly<Record<string, string>> = {
  'ls-remote': 'list the refs of',
  fetch: 'fetch',
  checkout: 'check out',
  submodule: 'fetch the submodules of',
}

function hintOf(stderr: string): string {
  if (/terminal prompts disabled|Authentication failed|Permission denied|could not read/i.test(stderr)) {
    return 'lend credentials with `--secret id=GIT_AUTH_TOKEN`, or use `git@HOST:PATH` with an ssh agent that has the key'
  }
  if (/not found|does not exist|does not appear to be a git repository/i.test(stderr)) return 'check the URL of the repository'
  if (/protocol|transport '/.test(stderr)) return 'use http, https, git or ssh'
  return 'check the URL and the network'
}

/** Whether git failed in a way that another way of fetching may not. */
export function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  const words = typeof cause === 'object' && cause !== null && 'words' in cause ? String(cause.words) : ''
  return /shallow|unadvertised|not our ref|upload-pack: not|does not support|Couldn't find remote ref/i.test(words)
}

function originOf(url: string): string {
  return URL.canParse(url) ? `${new URL(url).origin}/` : url
}
