import { OCI_LAYOUT } from '../layout.ts'

/** What can be wrong with a store. */
export type FindingKind =
  | 'database-damaged'
  | 'lease-dead'
  | 'claim-dead'
  | 'cache-use-dead'
  | 'pin-dead'
  | 'work-stray'
  | 'layer-unfinished'
  | 'layer-lost'
  | 'layer-stray'
  | 'layer-damaged'
  | 'cache-unfinished'
  | 'cache-lost'
  | 'cache-stray'
  | 'file-half'
  | 'tree-lost'
  | 'tree-damaged'
  | 'record-lost'
  | 'image-unpacked'
  | 'image-lost'
  | 'name-lost'
  | 'history-stray'
  | 'history-lost'
  | 'blob-damaged'
  | 'blob-stray'
  | 'layout-damaged'
  | 'index-damaged'
  | 'layout-incomplete'
  | 'mount-left'

/** One thing that is not as it should be. */
export interface Finding {
  readonly kind: FindingKind
  /** Path below the store's root, or the key of a row. */
  readonly subject: string
  /** One line. */
  readonly problem: string
  /** Who sets it right: the next build that needs it or sweeps, or a person. */
  readonly remedy: 'next-build' | 'hand'
  /** What happens, or what to do. */
  readonly hint: string
}

type Description = readonly [remedy: Finding['remedy'], problem: string, hint: string]

const REMOVED = 'removed by the next build'
const MADE_AGAIN = 'made again by the next build that needs it'
const REMOVE_FILE = 'remove it: the next build that needs it makes it again'

const REMOVE_INDEX = 'remove `oci/index.json`: whatever packs an image next writes it anew'

const DESCRIPTIONS: Readonly<Record<FindingKind, Description>> = {
  'database-damaged': [
    'hand',
    'the database is damaged',
    'remove `tsbuild.db`, `tsbuild.db-wal` and `tsbuild.db-shm`: the next build begins anew',
  ],
  'lease-dead': ['next-build', 'lease of a process that is gone', REMOVED],
  'claim-dead': ['next-build', 'claim of a process that is gone', 'taken over by whoever builds the step next'],
  'cache-use-dead': ['next-build', 'use of a cache by a process that is gone', REMOVED],
  'pin-dead': ['next-build', 'use by a process that is gone', REMOVED],
  'work-stray': ['next-build', 'work directory of nobody', REMOVED],
  'layer-unfinished': ['next-build', 'layer that a killed process has not finished', REMOVED],
  'layer-lost': ['next-build', 'layer whose directory is gone', 'forgotten, with what names it, and made again by the build that needs it'],
  'layer-stray': ['next-build', 'directory that no layer has', REMOVED],
  'layer-damaged': ['hand', 'layer with other content than it was committed with', REMOVE_FILE],
  'cache-unfinished': ['next-build', 'cache that a killed process has not finished', REMOVED],
  'cache-lost': ['next-build', 'cache whose directory is gone', 'begun anew by the step that mounts it'],
  'cache-stray': ['next-build', 'directory that no cache has', REMOVED],
  'file-half': ['next-build', 'half-written file of a process that is gone', REMOVED],
  'tree-lost': ['next-build', 'tree whose index is gone', 'made again from the layers when it is needed'],
  'tree-damaged': ['hand', 'index that is not what its name says', 'remove it: it is made again from the layers'],
  'record-lost': ['next-build', 'result whose layers are gone', MADE_AGAIN],
  'image-unpacked': ['next-build', 'image whose layers are gone', 'unpacked again when it is needed'],
  'image-lost': ['hand', 'image whose layers are gone, and with them its blobs', 'build, load or import it again'],
  'name-lost': ['hand', 'name of an image that is gone', 'give the name to another image: build, load or import one'],
  'history-stray': ['next-build', 'file of no build in the history', REMOVED],
  'history-lost': ['hand', 'build whose events are gone', 'none needed but for who reads it: `tsbuild history rm` forgets it'],
  'blob-damaged': ['hand', 'blob with other bytes than its digest says', REMOVE_FILE],
  'blob-stray': ['hand', 'file that is no blob among the blobs', 'remove it'],
  'layout-damaged': ['hand', 'file that is not what makes a folder an OCI layout', `put \`${OCI_LAYOUT}\` into it`],
  'index-damaged': ['hand', 'list of images that does not read', REMOVE_INDEX],
  'layout-incomplete': ['hand', 'image listed in `index.json` without all of its blobs', REMOVE_INDEX],
  'mount-left': ['hand', 'mount below the store', 'unmount it'],
}

/** The finding of a kind on a subject; `detail` says more than its kind does. */
export function finding(kind: FindingKind, subject: string, detail?: string): Finding {
  const [remedy, problem, hint] = DESCRIPTIONS[kind]
  return { kind, subject, problem: detail === undefined ? problem : `${problem}: ${detail}`, remedy, hint }
}
