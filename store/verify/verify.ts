import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Effects } from '../../core/effects.ts'
import { isTsbError } from '../../core/error.ts'
import { bootId } from '../boot.ts'
import { type Connection, readDatabase } from '../database.ts'
import { layoutOf } from '../layout.ts'
import { Leases } from '../leases.ts'
import { contentFindings } from './content.ts'
import type { Verifier } from './damage.ts'
import { type Finding, finding } from './finding.ts'
import { type Looking, strings } from './look.ts'
import { structuralFindings } from './structure.ts'

export type { Finding, FindingKind } from './finding.ts'

/** What a verification saw. */
export interface StoreReport {
  readonly findings: readonly Finding[]
  /** How many of each were held against their digests. */
  readonly layers: number
  readonly blobs: number
  readonly trees: number
}

/** Between looks at what living processes may just be doing. Where none lives, one may have ended during the first look. */
const LOOK_AGAIN_MS: readonly number[] = [50, 200, 800]
const LOOK_ONCE_MORE_MS: readonly number[] = [0]

const NOTHING: StoreReport = { findings: [], layers: 0, blobs: 0, trees: 0 }

/**
 * Holds a store against its promises (docs/store.md): every row has its files, every file its row and its digest, and of those who no
 * longer live nothing stays. Changes nothing, and may run beside builds. A store of an earlier version is seen as the next build will.
 * @throws TsbError `TSB_STORE_NEWER`, `TSB_STORE_UNREADABLE`, `TSB_INTERRUPTED`
 */
export async function verifyStore(root: string, native: Verifier, effects: Effects, signal: AbortSignal): Promise<StoreReport> {
  const layout = layoutOf(root)
  if (!existsSync(layout.database)) return NOTHING
  let connection: Connection | undefined
  try {
    connection = readDatabase(layout.database)
    const problems = strings(connection, 'PRAGMA integrity_check').filter((line) => line !== 'ok')
    if (problems.length > 0) return { ...NOTHING, findings: problems.map((problem) => finding('database-damaged', 'tsbuild.db', problem)) }
    const looking: Looking = { connection, layout, leases: new Leases(connection, layout, effects, bootId()), now: effects.now }
    const structure = await confirmed(looking)
    const content = await contentFindings(looking, native, signal)
    return { ...content, findings: [...structure, ...content.findings] }
  } catch (error) {
    if (!isTsbError(error) || error.code !== 'TSB_STORE_DAMAGED') throw error
    return { ...NOTHING, findings: [finding('database-damaged', 'tsbuild.db', error.message)] }
  } finally {
    connection?.close()
  }
}

/** What every one of several looks finds: nothing that somebody was in the middle of. */
async function confirmed(looking: Looking): Promise<readonly Finding[]> {
  let found = structuralFindings(looking)
  for (const pause of looking.leases.anyLives() ? LOOK_AGAIN_MS : LOOK_ONCE_MORE_MS) {
    if (found.length === 0) return found
    await sleep(pause)
    const again = new Set(structuralFindings(looking).map(({ kind, subject }) => `${kind} ${subject}`))
    found = found.filter(({ kind, subject }) => again.has(`${kind} ${subject}`))
  }
  return found
}
