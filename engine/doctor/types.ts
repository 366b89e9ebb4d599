export type { Finding, FindingKind } from '../../store/verify/finding.ts'

import type { Finding } from '../../store/verify/finding.ts'

/** One thing that builds need of this machine. */
export interface HostCheck {
  readonly name: 'system' | 'user' | 'overlay' | 'runtime' | 'network' | 'cgroups' | 'store' | 'disk'
  /** `limited`: works without it, but not everything. */
  readonly state: 'ok' | 'limited' | 'missing'
  /** What is there, or is not. */
  readonly detail: string
  /** What to do, where something is missing. */
  readonly hint?: string
}

/** What a verification of the store found. */
export interface StoreCheck {
  readonly root: string
  readonly findings: readonly Finding[]
  /** How many of each were read and held against their digests. */
  readonly layers: number
  readonly blobs: number
  readonly trees: number
}
