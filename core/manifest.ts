import type { Digest } from './digest.ts'

/** OCI image spec, descriptor.md. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  readonly platform?: DescriptorPlatform
  readonly annotations?: Readonly<Record<string, string>>
}

/** A platform in the spelling of the wire (`os.version`, not `osVersion`). */
export interface DescriptorPlatform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
  readonly 'os.version'?: string
}

/** OCI image spec, manifest.md. */
export interface Manifest {
  readonly schemaVersion: 2
  readonly mediaType: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  readonly annotations?: Readonly<Record<string, string>>
}

/** OCI image spec, image-index.md. */
export interface Index {
  readonly schemaVersion: 2
  readonly mediaType: string
  readonly manifests: readonly Descriptor[]
  readonly annotations?: Readonly<Record<string, string>>
}

/** OCI image spec, config.md, with the fields that Docker adds. Unknown fields of a base are kept. */
export interface ImageConfig {
  readonly created?: string
  readonly author?: string
  readonly architecture: string
  readonly os: string
  readonly variant?: string
  readonly 'os.version'?: string
  readonly 'os.features'?: readonly string[]
  readonly config?: ContainerConfig
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly Digest[] }
  readonly history?: readonly HistoryEntry[]
}

/** The execution parameters of an image (`config` in config.md). */
export interface ContainerConfig {
  readonly User?: string
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>
  readonly Env?: readonly string[]
  readonly Entrypoint?: readonly string[] | null
  readonly Cmd?: readonly string[] | null
  readonly Healthcheck?: Healthcheck
  readonly Volumes?: Readonly<Record<string, Record<string, never>>>
  readonly WorkingDir?: string
  readonly Labels?: Readonly<Record<string, string>>
  readonly StopSignal?: string
  readonly Shell?: readonly string[]
  readonly OnBuild?: readonly string[] | null
  readonly ArgsEscaped?: boolean
}

/** Docker's health check; times in nanoseconds. */
export interface Healthcheck {
  readonly Test: readonly string[]
  readonly Interval?: number
  readonly Timeout?: number
  readonly StartPeriod?: number
  readonly StartInterval?: number
  readonly Retries?: number
}

export interface HistoryEntry {
  readonly created?: string
  readonly author?: string
  readonly created_by?: string
  readonly comment?: string
  readonly empty_layer?: boolean
}
