import type { Effects } from '../../core/effects.ts'
import type { SnapshotterContext } from '../../snapshotter/snapshot.ts'
import type { Ledger } from '../../solver/ledger.ts'
import type { Environment } from '../host.ts'
import type { Secrets } from '../mounts/secrets.ts'

/** Where what was fetched is kept. */
export interface Keep {
  readonly snapshotter: SnapshotterContext
  readonly ledger: Ledger
  readonly effects: Effects
}

/** What fetching from elsewhere needs. */
export interface RemoteWork extends Keep {
  /** Proxies, the ssh agent, where programs are. */
  readonly env: Environment
  /** Where credentials may be. */
  readonly secrets: Secrets
  readonly signal: AbortSignal
  /** Bytes of `item` that have arrived. */
  readonly progress: (item: string, current: number, total?: number) => void
}
