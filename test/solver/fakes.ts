import type { Canonical } from '../../core/canonical.ts'
import { blake3Digest, type Digest } from '../../core/digest.ts'
import type { BuildEvent } from '../../core/event.ts'
import type { Graph, Vertex } from '../../core/graph.ts'
import type { Op, OpKind, RunOp } from '../../core/op.ts'
import type { Driver, Drivers } from '../../solver/driver.ts'
import type { Ledger, LedgerEntry } from '../../solver/ledger.ts'

/** A result in the fakes: some content. */
export type Content = string

/** Counts what the solver asks for. */
export interface Fake {
  readonly drivers: Drivers<Content>
  /** Names of the ops that were executed, in the order they began. */
  readonly executed: string[]
  running: number
  maximumRunning: number
}

/** What one op of the fake does, by its first argument. */
export type Behaviour = (inputs: readonly Content[], signal: AbortSignal) => Promise<Content> | Content

/** Drivers whose RUN ops are given by name; their results are strings whose content is their digest. */
export function fakeDrivers(behaviours: Readonly<Record<string, Behaviour>>): Fake {
  const fake: { executed: string[]; running: number; maximumRunning: number } = { executed: [], running: 0, maximumRunning: 0 }
  const driver = <O extends Op>(nameOf: (op: O) => string): Driver<O, Content> => ({
    recorded: true,
    facts: (op): Canonical => ({ name: nameOf(op) }),
    kin: (op): Canonical => nameOf(op),
    trees: (inputs) => inputs.map((input) => blake3Digest(input)),
    inputDigests: async (_op, inputs): Promise<readonly Digest[]> => inputs.map((input) => blake3Digest(input)),
    execute: async (op, inputs, execution) => {
      const name = nameOf(op)
      fake.executed.push(name)
      fake.running += 1
      fake.maximumRunning = Math.max(fake.maximumRunning, fake.running)
      try {
        const result = (await behaviours[name]?.(inputs, execution.signal)) ?? name
        return { result, stored: result, layers: [] }
      } finally {
        fake.running -= 1
      }
    },
    revive: async (_op, stored) => stored,
  })
  const drivers: { [K in OpKind]: Driver<never, Content> } = {
    scratch: driver(() => 'scratch'),
    image: driver(() => 'image'),
    local: { ...driver(() => 'local'), recorded: false },
    http: { ...driver(() => 'http'), recorded: false },
    git: { ...driver(() => 'git'), recorded: false },
    run: driver((op: RunOp) => op.args[0] ?? ''),
    file: driver(() => 'file'),
    merge: driver(() => 'merge'),
  }
  return Object.assign(fake, { drivers: drivers as unknown as Drivers<Content> })
}

/** A ledger in memory. Copies of one map stand for processes that share a store. */
export class MemoryLedger implements Ledger {
  readonly entries: Map<Digest, LedgerEntry>
  readonly claims: Set<Digest>

  constructor(entries: Map<Digest, LedgerEntry> = new Map(), claims: Set<Digest> = new Set()) {
    this.entries = entries
    this.claims = claims
  }

  find(key: Digest): string | undefined {
    return this.entries.get(key)?.result
  }

  findByDelta(kin: Digest, delta: Digest): string | undefined {
    return [...this.entries.values()].find((entry) => entry.kin === kin && entry.delta === delta)?.result
  }

  findByRoot(kin: Digest, root: Digest): readonly string[] {
    return this.#latest((entry) => entry.kin === kin && entry.trees[0] === root).map(({ result }) => result)
  }

  lastDuration(kin: Digest): number | undefined {
    return this.#latest((entry) => entry.kin === kin)[0]?.duration
  }

  #latest(matches: (entry: LedgerEntry) => boolean): readonly LedgerEntry[] {
    return [...this.entries.values()].filter(matches).reverse()
  }

  remove(key: Digest, result: string): void {
    if (this.entries.get(key)?.result === result) this.entries.delete(key)
  }

  isClaimed(key: Digest): boolean {
    return this.claims.has(key)
  }

  claim(key: Digest): boolean {
    if (this.claims.has(key)) return false
    this.claims.add(key)
    return true
  }

  release(key: Digest): void {
    this.claims.delete(key)
  }

  publish(entry: LedgerEntry): void {
    this.entries.set(entry.key, entry)
    this.claims.delete(entry.key)
  }
}

/** A graph from lines `name` or `name < input, input`; `*` before a name ignores the cache; the last line is the output. */
export function graphOf(...lines: readonly string[]): Graph {
  const names = lines.map((line) => (line.split(' < ')[0] ?? '').replace('*', ''))
  const vertices = lines.map((line, id): Vertex => {
    const inputs = (line.split(' < ')[1] ?? '').split(', ').filter((input) => input !== '')
    return {
      id,
      op: {
        kind: 'run',
        args: [names[id] ?? ''],
        env: [],
        argNames: [],
        proxyEnv: [],
        cwd: '/',
        user: '',
        network: 'none',
        security: 'sandbox',
        mounts: [],
      },
      inputs: inputs.map((input) => names.indexOf(input)),
      name: names[id] ?? '',
      stage: '',
      ignoreCache: line.startsWith('*'),
    }
  })
  return { vertices, output: vertices.length - 1 }
}

/** A clock that stands still, and a list of the events. */
export function recorder(): { readonly events: BuildEvent[]; readonly effects: { now(): number; monotonic(): number } } {
  return { events: [], effects: { now: () => 0, monotonic: () => 0 } }
}
