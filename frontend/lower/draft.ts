import type { ContainerConfig } from '../../core/manifest.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Collections = 'Env' | 'Labels' | 'Volumes' | 'ExposedPorts' | 'OnBuild'

/** An image's config while instructions write to it. What they add to is kept so that one more entry costs what the first did. */
export interface ConfigDraft {
  readonly fields: Mutable<Omit<ContainerConfig, Collections>>
  readonly env: EnvList
  readonly labels: Map<string, string>
  readonly volumes: Set<string>
  readonly ports: Set<string>
  readonly onbuild: string[]
}

/** `NAME=value` entries in order; a name that is set again keeps its place. */
export class EnvList {
  readonly #entries: string[]
  readonly #places: Map<string, number>

  constructor(entries: readonly string[]) {
    this.#entries = [...entries]
    this.#places = new Map()
    // Of a name that is there twice, as a base may have it, the first is meant.
    for (const [index, entry] of entries.entries()) {
      const [name] = splitEntry(entry)
      if (!this.#places.has(name)) this.#places.set(name, index)
    }
  }

  get entries(): readonly string[] {
    return this.#entries
  }

  has(name: string): boolean {
    return this.#places.has(name)
  }

  set(name: string, value: string): void {
    const place = this.#places.get(name) ?? this.#entries.length
    this.#places.set(name, place)
    this.#entries[place] = `${name}=${value}`
  }
}

/** A draft that begins with `config`. */
export function draftOf(config: ContainerConfig): ConfigDraft {
  const { Env, Labels, Volumes, ExposedPorts, OnBuild, ...fields } = config
  return {
    fields,
    env: new EnvList(Env ?? []),
    labels: new Map(Object.entries(Labels ?? {})),
    volumes: new Set(Object.keys(Volumes ?? {})),
    ports: new Set(Object.keys(ExposedPorts ?? {})),
    onbuild: [...(OnBuild ?? [])],
  }
}

/** A draft of its own for a stage that begins with what another one has become. */
export function copyDraft({ fields, env, labels, volumes, ports, onbuild }: ConfigDraft): ConfigDraft {
  return {
    fields: { ...fields },
    env: new EnvList(env.entries),
    labels: new Map(labels),
    volumes: new Set(volumes),
    ports: new Set(ports),
    onbuild: [...onbuild],
  }
}

/** The config itself. Docker leaves empty fields out. */
export function finishDraft({ fields, env, labels, volumes, ports, onbuild }: ConfigDraft): ContainerConfig {
  const config = {
    ...fields,
    Env: env.entries,
    Labels: Object.fromEntries(labels),
    Volumes: Object.fromEntries([...volumes].map((path) => [path, {}])),
    ExposedPorts: Object.fromEntries([...ports].map((port) => [port, {}])),
    OnBuild: onbuild,
  }
  return Object.fromEntries(Object.entries(config).filter(([, value]) => !isEmpty(value)))
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === false) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}

/** The name and the value of `NAME=value`. */
export function splitEntry(entry: string): readonly [name: string, value: string] {
  const equals = entry.indexOf('=')
  return equals < 0 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1)]
}
