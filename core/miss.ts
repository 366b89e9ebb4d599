import type { Digest } from './digest.ts'

/**
 * One reason why a step could use no earlier result. A step may have several, the one that says most first.
 * Steps are named as people see them; values that may be secret are never told, only names.
 */
export type MissCause =
  /** No build that we know of had this step; `project`: whether there was any build of its project at all. */
  | { readonly kind: 'never-built'; readonly project: 'new' | 'known' }
  /** The user asked for it: by a flag. */
  | { readonly kind: 'asked'; readonly flag: string }
  /** There was a result, until a garbage collection or a prune. Milliseconds since 1970. */
  | { readonly kind: 'evicted'; readonly time: number }
  /** There is a record, but what it names has gone from the disk. */
  | { readonly kind: 'lost' }
  /** Its base is another image than before. */
  | { readonly kind: 'base'; readonly reference: string; readonly from: Digest; readonly to: Digest }
  /** Files that it copies or mounts; `source`: `context`, a named context, a stage, a URL. */
  | ({ readonly kind: 'files'; readonly source: string } & FileChanges)
  /** The step that it stands on, or mounts, came out differently. */
  | ({ readonly kind: 'parent'; readonly step: string } & FileChanges)
  /** A build argument or a variable of the environment. */
  | { readonly kind: 'variable'; readonly origin: 'ARG' | 'ENV'; readonly name: string; readonly change: 'added' | 'removed' | 'changed' }
  /** The text of the instruction. */
  | { readonly kind: 'instruction'; readonly from: string; readonly to: string }
  /** Something else that it runs with: user, working directory, network, platform, a mount's option, the owner of a copy. */
  | { readonly kind: 'setting'; readonly name: string; readonly from: string; readonly to: string }

/**
 * How files differ; `changes` are the first few, in the order of their paths. All zero: something differs, and what it was is no longer
 * known.
 */
export interface FileChanges {
  readonly changed: number
  /** Files that there are now. */
  readonly total: number
  readonly changes: readonly FileChange[]
}

/** One path that differs. Where a value says more than the word, it is told: modes in octal, owners, link targets, types. */
export interface FileChange {
  readonly path: string
  readonly change: 'added' | 'removed' | 'content' | 'mode' | 'owner' | 'type' | 'target' | 'attributes'
  readonly from?: string
  readonly to?: string
}
