import { existsSync, readdirSync } from 'node:fs'
import type { Connection } from '../database.ts'
import type { Layout } from '../layout.ts'
import type { Leases } from '../leases.ts'

/** What a look at a store needs. */
export interface Looking {
  readonly connection: Connection
  readonly layout: Layout
  readonly leases: Leases
  readonly now: () => number
}

/** The first column of a query's rows. */
export function strings(connection: Connection, query: string): readonly string[] {
  return connection.prepare<[], string>(query).pluck().all() as string[]
}

/** What a directory holds; one that was never made holds nothing. */
export function namesIn(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : []
}
