import type { LayerId } from '../layers.ts'

/** What something in the store is, in BuildKit's words where it has one. */
export type KeptType =
  /** The result of a step. */
  | 'regular'
  /** Files of a git repository, of a URL. */
  | 'source.git.checkout'
  | 'source.http'
  /** What earlier scans of a build context remember. */
  | 'source.local'
  | 'exec.cachemount'
  /** An image, as far as no step has made it. */
  | 'image'
  /** A packed layer, or a document of an image. */
  | 'blob'
  /** Indexes, the database, what running builds are at. */
  | 'internal'

/** One thing in the store that can go by itself, or has to stay. */
export interface Item {
  readonly kind: 'record' | 'image' | 'cache' | 'blob' | 'context' | 'other'
  /** Of its row or its file. */
  readonly id: string
  readonly type: KeptType
  /** What people know it by: a preimage, a name, a path. */
  readonly text: string
  /** Layers that stay as long as it does, among others that name them. */
  readonly layers: readonly LayerId[]
  /** Allocated bytes that are its alone, besides the layers. */
  readonly bytes: number
  /** Milliseconds since 1970. */
  readonly created: number
  readonly used: number
  /** Milliseconds that it saves whoever needs it: what it took to make, or is thought to take. */
  readonly saves: number
  /**
   * Why it stays. `used`: a running process has it. `named`: an image with a name needs it, and it could not be had again.
   * `image`: it is there with a named image, and all that it takes is that image's, or can be fetched again.
   */
  readonly hold?: 'used' | 'named' | 'image'
  /** Trees that a record stands on, and the one it makes. */
  readonly trees: readonly string[]
  readonly tree?: string
}

/** A layer's place in the accounts. */
export interface LayerItem {
  readonly id: LayerId
  readonly bytes: number
  /** An image with a name has it. */
  readonly isNamed: boolean
  /** Or a running process. */
  readonly isHeld: boolean
}

/** Everything in the store at one instant. */
export interface Inventory {
  readonly items: readonly Item[]
  readonly layers: ReadonlyMap<LayerId, LayerItem>
}
