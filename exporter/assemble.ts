import { type Digest, sha256Digest } from '../core/digest.ts'
import type { ImagePlan } from '../core/image-plan.ts'
import type { ContainerConfig, Descriptor, HistoryEntry, ImageConfig, Manifest } from '../core/manifest.ts'
import { compressionOfType, dockerLayerType, layerType, MEDIA_TYPES } from '../core/media-types.ts'
import { goJson, pick, sorted } from './go-json.ts'

/** Which of the two families of media types a manifest speaks. */
export type MediaTypeFamily = 'oci' | 'docker'

/** A document with its exact bytes. */
export interface EncodedDocument<T> {
  readonly value: T
  readonly bytes: Uint8Array
  readonly descriptor: Descriptor
}

/** How a document is digested: a cached build has better than what Node would have to load first. */
export type Sha256 = (bytes: Uint8Array) => Digest

/** Where a layer of this build is from. */
export interface LayerOrigin {
  /** RFC 3339. */
  readonly created: string
  /** Name of the step that made it. */
  readonly step?: string
}

/** What BuildKit's exporter writes as the comment of history it had to make up. */
const MADE_UP = 'buildkit.exporter.image.v0'

// the order of Go's struct members
const CONTAINER_FIELDS = [
  'User',
  'ExposedPorts',
  'Env',
  'Entrypoint',
  'Cmd',
  'Volumes',
  'WorkingDir',
  'Labels',
  'StopSignal',
  'ArgsEscaped',
  'Healthcheck',
  'OnBuild',
  'Shell',
] as const satisfies readonly (keyof ContainerConfig)[]
const HISTORY_FIELDS = ['created', 'created_by', 'author', 'comment', 'empty_layer'] as const satisfies readonly (keyof HistoryEntry)[]
const HEALTH_FIELDS = ['Test', 'Interval', 'Timeout', 'StartPeriod', 'StartInterval', 'Retries'] as const

/**
 * The config of a built image (OCI image spec, config.md), by BuildKit's rules: of the base survive author, system
 * version and history; the plan decides the rest. `origins` are this build's own layers, in order. History entries without time
 * get their layer's, or a neighbour's; layers without entry get one, entries without layer become empty.
 * With an epoch the plan's entries have that time; what else would be later than `latest` (seconds since 1970) is not.
 */
export function assembleConfig(
  plan: ImagePlan,
  diffIds: readonly Digest[],
  origins: readonly LayerOrigin[],
  latest: number | undefined = plan.epoch,
): ImageConfig {
  const { base, platform } = plan
  const author = plan.author ?? base?.author
  const osVersion = platform.osVersion ?? base?.['os.version']
  const features = base?.['os.features']
  const baseLayers = base?.rootfs.diff_ids.length ?? 0
  const layers = diffIds.map((_, index) => (index < baseLayers ? { created: base?.created } : origins[index - baseLayers]))
  const time = plan.epoch === undefined ? {} : { created: rfc3339(plan.epoch * 1000) }
  const complete = completeHistory([...(base?.history ?? []), ...plan.history.map((entry) => ({ ...entry, ...time }))], layers)
  const history = latest === undefined ? complete : notLater(complete, base?.history ?? [], rfc3339(latest * 1000))
  const last = history.at(-1)?.created
  return {
    ...(last === undefined ? {} : { created: last }),
    ...(author === undefined ? {} : { author }),
    architecture: platform.architecture,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    os: platform.os,
    ...(osVersion === undefined ? {} : { 'os.version': osVersion }),
    ...(features === undefined ? {} : { 'os.features': features }),
    config: plan.config,
    rootfs: { type: 'layers', diff_ids: diffIds },
    history,
  }
}

/**
 * The config's bytes as BuildKit would write them: members sorted, those of `config` in Go's order, `null` for nothing.
 * @param sha256 computes the image ID
 */
export function encodeConfig(config: ImageConfig, sha256: Sha256): EncodedDocument<ImageConfig> {
  const { author, variant } = config
  const osVersion = config['os.version']
  const features = config['os.features'] ?? []
  const history = (config.history ?? []).map((entry) => pick(entry, HISTORY_FIELDS))
  const text = goJson({
    architecture: config.architecture,
    ...(author === undefined || author === '' ? {} : { author }),
    config: encodableContainer(config.config ?? {}),
    created: config.created ?? null,
    history: history.length === 0 ? null : history,
    os: config.os,
    ...(features.length === 0 ? {} : { 'os.features': features }),
    ...(osVersion === undefined || osVersion === '' ? {} : { 'os.version': osVersion }),
    rootfs: { type: 'layers', diff_ids: config.rootfs.diff_ids.length === 0 ? null : config.rootfs.diff_ids },
    ...(variant === undefined || variant === '' ? {} : { variant }),
  })
  return encoded(config, text, MEDIA_TYPES.ociConfig, sha256)
}

/**
 * A manifest (manifest.md, or Docker's schema 2) with all media types of one family, two-space indented as BuildKit's.
 * Descriptors lose their annotations: those are the store's own affair.
 */
export function assembleManifest(config: Descriptor, layers: readonly Descriptor[], family: MediaTypeFamily): EncodedDocument<Manifest> {
  const docker = family === 'docker'
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: docker ? MEDIA_TYPES.dockerManifest : MEDIA_TYPES.ociManifest,
    config: plain(config, docker ? MEDIA_TYPES.dockerConfig : MEDIA_TYPES.ociConfig),
    layers: layers.map((layer) => plain(layer, convertLayerType(layer.mediaType, docker))),
  }
  return encoded(manifest, goJson(manifest, '  '), manifest.mediaType, sha256Digest)
}

/** RFC 3339 as Go writes it: without zeros at the end of the fraction. */
export function rfc3339(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.?0*Z$/, 'Z')
}

/** Entries of the base keep their times; of the others none is after `time`. */
function notLater(history: readonly HistoryEntry[], ofBase: readonly HistoryEntry[], time: string): readonly HistoryEntry[] {
  return history.map((entry, index) => {
    if (index < ofBase.length && entry.created === ofBase[index]?.created) return entry
    return entry.created !== undefined && Date.parse(entry.created) <= Date.parse(time) ? entry : { ...entry, created: time }
  })
}

type Layer = { readonly created: string | undefined; readonly step?: string } | undefined

function completeHistory(entries: readonly HistoryEntry[], layers: readonly Layer[]): readonly HistoryEntry[] {
  let layer = 0
  const history = entries.map((entry) => {
    if (entry.empty_layer === true) return entry
    if (layer >= layers.length) return { ...entry, empty_layer: true }
    const time = layers[layer]?.created
    layer += 1
    return entry.created === undefined && time !== undefined ? { ...entry, created: time } : entry
  })
  const missing = layers.slice(layer).map((made) => ({
    ...(made?.created === undefined ? {} : { created: made.created }),
    ...(made?.step === undefined ? {} : { created_by: made.step }),
    comment: MADE_UP,
  }))
  return fillTimes([...history, ...missing])
}

/** Entries without time take that of the entry before; the first of them that of the next layer, or of the last one. */
function fillTimes(history: readonly HistoryEntry[]): readonly HistoryEntry[] {
  const firstGap = history.findIndex((entry) => entry.created === undefined)
  if (firstGap < 0) return history
  let time = history.slice(firstGap).find((entry) => entry.created !== undefined)?.created ?? history[firstGap - 1]?.created
  return history.map((entry, index) => {
    if (entry.created === undefined) return time === undefined ? entry : { ...entry, created: time }
    if (index > firstGap) time = entry.created
    return entry
  })
}

function encodableContainer({ ExposedPorts, Volumes, Labels, Healthcheck, ...rest }: ContainerConfig): object {
  const members = {
    ...rest,
    ExposedPorts: sorted(ExposedPorts ?? {}),
    Volumes: sorted(Volumes ?? {}),
    Labels: sorted(Labels ?? {}),
  }
  const picked = pick<Record<string, unknown>>(members, CONTAINER_FIELDS)
  if (Healthcheck === undefined) return picked
  // Go leaves out an empty map but not what a pointer leads to
  return pickInOrder(picked, { Healthcheck: pick(Healthcheck, HEALTH_FIELDS) })
}

function pickInOrder(picked: Record<string, unknown>, added: Record<string, unknown>): Record<string, unknown> {
  const all = { ...picked, ...added }
  return Object.fromEntries(CONTAINER_FIELDS.filter((name) => name in all).map((name) => [name, all[name]]))
}

function convertLayerType(mediaType: string, docker: boolean): string {
  const compression = compressionOfType(mediaType)
  if (compression === undefined) return mediaType
  return docker ? dockerLayerType(compression) : layerType(compression)
}

function plain({ digest, size }: Descriptor, mediaType: string): Descriptor {
  return { mediaType, digest, size }
}

function encoded<T>(value: T, text: string, mediaType: string, sha256: Sha256): EncodedDocument<T> {
  const bytes = Buffer.from(text)
  return { value, bytes, descriptor: { mediaType, digest: sha256(bytes), size: bytes.byteLength } }
}
