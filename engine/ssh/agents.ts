import { TsbError } from '../../core/error.ts'
import type { Environment } from '../host.ts'
import type { SshSource } from '../types.ts'
import type { Answerer } from './answer.ts'
import type { AgentSocket, SocketOwner } from './serve.ts'

/** The SSH agents that the user lends to a build. */
export interface Agents {
  /** Opens a socket in `directory` that leads to the agent; `undefined` when the user gave none of that name. */
  open(id: string, owner: SocketOwner, directory: string): Promise<AgentSocket | undefined>
}

const NO_AGENTS: Agents = { open: async () => undefined }

/**
 * Looks the agents up, and reads the keys of those that are made of files.
 * @throws TsbError `TSB_USAGE_SSH`, `TSB_SSH_UNREADABLE`, `TSB_SSH_KEY`
 */
export async function openAgents(sources: readonly SshSource[], env: Environment): Promise<Agents> {
  if (sources.length === 0) return NO_AGENTS
  const [{ findAgent }, { serveAgent }] = await Promise.all([import('./find.ts'), import('./serve.ts')])
  const agents = new Map<string, () => Answerer>()
  for (const source of sources) {
    if (agents.has(source.id)) throw usage(`two SSH agents are called \`${source.id}\``)
    agents.set(source.id, await findAgent(source, env))
  }
  return {
    open: async (id, owner, directory) => {
      const answerer = agents.get(id)
      return answerer === undefined ? undefined : serveAgent(answerer, owner, directory)
    },
  }
}

/** Reads one `--ssh`: `default`, `id`, `id=SOCKET`, `id=KEY[,KEY]`, as with buildx. @throws TsbError `TSB_USAGE_SSH` */
export function parseSsh(text: string): SshSource {
  const equals = text.indexOf('=')
  const id = equals < 0 ? text : text.slice(0, equals)
  const paths = equals < 0 ? [] : text.slice(equals + 1).split(',')
  if (id === '') throw usage(`\`${text}\` has no name for the agent`)
  return { id, paths: paths.length === 1 && paths[0] === '' ? [] : paths }
}

function usage(message: string): TsbError {
  return new TsbError('TSB_USAGE_SSH', message, {
    fault: 'usage',
    hint: 'write `--ssh default`, `--ssh NAME=SOCKET` or `--ssh NAME=KEYFILE`',
  })
}
