import { test } from 'node:test'
import { assertPrunesHarmless } from './prune-at-events.ts'

test('an image without a name can be evicted before it is exported, and is made again', { timeout: 60_000 }, () =>
  assertPrunesHarmless('type=docker', ({ kind }) => kind === 'task-started'),
)
