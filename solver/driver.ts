import type { Canonical } from '../core/canonical.ts'
import type { Digest } from '../core/digest.ts'
import type { Vertex } from '../core/graph.ts'
import type { Op, OpKind, OpOf } from '../core/op.ts'

/**
 * What the solver knows of an op kind: how it is keyed, how it is executed, how an earlier result is found again.
 * `R` is the drivers' own result type; the solver only passes it along the edges.
 */
export interface Driver<O extends Op, R> {
  /** False: execute in every build and keep no record (its result is the world's, not ours). */
  readonly recorded: boolean
  /** Everything about the op that its result depends on, besides the content of its inputs. */
  facts(op: O): Canonical
  /**
   * What makes two ops the same step, though their results may differ (of a RUN: what it runs, not with which variables). An earlier
   * execution of the same step tells how long it takes, and its layer stands in for one with the same change.
   */
  kin(op: O): Canonical
  /** The inputs' whole content, as far as it may explain why a key is another one: kept with the record, never part of the key. */
  trees(inputs: readonly R[]): readonly Digest[]
  /** Content digest of each input as far as the op uses it, in the order of the inputs. */
  inputDigests(op: O, inputs: readonly R[], signal: AbortSignal): Promise<readonly Digest[]>
  /** Does the work. A failure is thrown as `TsbError`; nothing of it may remain. */
  execute(op: O, inputs: readonly R[], execution: Execution): Promise<Executed<R>>
  /** Whether this build may have a result with such a text at all; absent: it may have any. */
  serves?(stored: string): boolean
  /** The result behind a record's text, on these inputs; absent when what it names is gone. */
  revive(op: O, stored: string, inputs: readonly R[]): Promise<R | undefined>
}

/** One driver per op kind: a new kind in the union does not compile without one. */
export type Drivers<R> = { readonly [K in OpKind]: Driver<OpOf<K>, R> }

/** What a driver gets for one execution. */
export interface Execution {
  readonly vertex: Vertex
  readonly signal: AbortSignal
  /** The stored text of the latest execution of the same step that made the same change, on whatever root. */
  findTwin(delta: Digest): string | undefined
  /** The stored texts of earlier executions of the same step on the same root, the latest first. */
  findEarlier(): readonly string[]
  log(stream: 'stdout' | 'stderr', data: Uint8Array): void
  progress(item: string, current: number, total?: number): void
}

/** A finished execution. */
export interface Executed<R> {
  readonly result: R
  /** The result as text, for `revive`. */
  readonly stored: string
  /** Layers that become visible with the record that names them. */
  readonly layers: readonly string[]
  readonly delta?: Digest
  /** Of an op that is never recorded: it found that an earlier result still stands. */
  readonly reused?: boolean
  /** The result is an earlier one of the same step on the same root. */
  readonly unchanged?: Unchanged
}

/** An output that came out as it was before. */
export interface Unchanged {
  /** Paths that did come out differently, and that nobody wants to know about. */
  readonly except: readonly string[]
}
