import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { TsbError } from '../../core/error.ts'
import type { Environment } from '../host.ts'
import type { SshSource } from '../types.ts'
import { type Answerer, keyAnswerer, socketAnswerer } from './answer.ts'
import { type AgentKey, KeyProblem, parsePrivateKey } from './private-key.ts'

/** No key is longer. */
const MAX_KEY_BYTES = 100 << 10

/** What answers for an agent of the user's: the one of `SSH_AUTH_SOCK`, another socket, or keys out of files. @throws TsbError `TSB_SSH_*` */
export async function findAgent({ id, paths }: SshSource, env: Environment): Promise<() => Answerer> {
  const own = env['SSH_AUTH_SOCK']
  const places = paths.length > 0 ? paths.map((path) => resolve(path)) : own ? [own] : []
  if (places.length === 0) {
    throw unreadable(
      `no agent for \`--ssh ${id}\`: \`SSH_AUTH_SOCK\` is not set`,
      'start an agent with `eval $(ssh-agent)`, or name a key file',
    )
  }
  const sockets = []
  const keys: AgentKey[] = []
  for (const path of places) {
    if (await isSocket(id, path)) sockets.push(path)
    else keys.push(await readKey(id, path))
  }
  const [socket] = sockets
  if (socket === undefined) return () => keyAnswerer(keys)
  if (sockets.length === 1 && keys.length === 0) return () => socketAnswerer(socket)
  throw new TsbError('TSB_USAGE_SSH', `the SSH agent \`${id}\` is made of more than one socket, or of a socket and keys`, {
    fault: 'usage',
    hint: 'give each a `--ssh` and a name of its own',
  })
}

async function isSocket(id: string, path: string): Promise<boolean> {
  try {
    return (await stat(path)).isSocket()
  } catch (cause) {
    throw unreadable(
      `cannot find \`${path}\` for the SSH agent \`${id}\``,
      'check the path: it is relative to the working directory',
      cause,
    )
  }
}

async function readKey(id: string, path: string): Promise<AgentKey> {
  let text: string
  try {
    const { size } = await stat(path)
    if (size > MAX_KEY_BYTES) throw new KeyProblem('it is too long for a key')
    text = await readFile(path, 'latin1')
    return parsePrivateKey(text)
  } catch (cause) {
    if (!(cause instanceof KeyProblem))
      throw unreadable(`cannot read \`${path}\` for the SSH agent \`${id}\``, 'check its permissions', cause)
    throw new TsbError('TSB_SSH_KEY', `\`${path}\` cannot be used as an SSH key: ${cause.message}`, {
      fault: 'input',
      hint: 'add it to an agent with `ssh-add`, and give that with `--ssh default`',
    })
  }
}

function unreadable(message: string, hint: string, cause?: unknown): TsbError {
  return new TsbError('TSB_SSH_UNREADABLE', message, { fault: 'input', hint, cause })
}
