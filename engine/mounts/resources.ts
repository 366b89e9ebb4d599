import type { Session } from '../session.ts'
import { type Agents, openAgents } from '../ssh/agents.ts'
import type { BuildOptions } from '../types.ts'
import { type ContextCopies, contextCopies } from './copies.ts'
import { openSecrets, type Secrets } from './secrets.ts'

/** What the RUN steps of one build share, besides their inputs. */
export interface RunResources extends AsyncDisposable {
  readonly secrets: Secrets
  readonly agents: Agents
  readonly copies: ContextCopies
}

/** Looks up what the user lends to the build. @throws TsbError `TSB_SECRET_*`, `TSB_SSH_*` */
export async function openResources(session: Session, options: Pick<BuildOptions, 'secrets' | 'ssh'>): Promise<RunResources> {
  const agents = await openAgents(options.ssh, session.env)
  const copies = contextCopies(session.snapshotter)
  return {
    secrets: openSecrets(options.secrets, session.env),
    agents,
    copies,
    [Symbol.asyncDispose]: () => copies[Symbol.asyncDispose](),
  }
}
