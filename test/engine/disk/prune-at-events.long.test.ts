import { test } from 'node:test'
import { assertPrunesHarmless } from './prune-at-events.ts'

for (const output of ['type=docker', 'type=oci', 'type=oci,rewrite-timestamp=true', 'type=oci,compression=gzip,force-compression=true']) {
  test(`a prune at any event takes nothing from a build to ${output}`, { timeout: 300_000 }, () => assertPrunesHarmless(output, () => true))
}
