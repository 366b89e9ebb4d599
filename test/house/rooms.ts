/** Who may import whom; docs/architecture.md says why. The first word of a path is its room. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  frontend: ['core'],
  registry: ['core'],
  native: ['core'],
  store: ['core', 'native'],
  executor: ['core', 'native'],
  snapshotter: ['core', 'store', 'native'],
  solver: ['core', 'store'],
  exporter: ['core', 'store', 'snapshotter', 'registry', 'native'],
  engine: ['core', 'frontend', 'registry', 'native', 'store', 'executor', 'snapshotter', 'solver', 'exporter'],
  cli: ['engine', 'core', 'frontend'],
}

/** The rooms that hold TypeScript of the product. */
export const ROOMS: readonly string[] = Object.keys(MAY_IMPORT)
