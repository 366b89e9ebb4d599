import process from 'node:process'
import { createExecutor } from '../../executor/executor.ts'
import type { ProcessSpec } from '../../executor/types.ts'

// A program for lifecycle.test.ts: runs the container that it is given, and gets killed meanwhile.
const executor = createExecutor({
  stateDirectory: process.env['STATE'] ?? '',
  runtime: 'runc',
  effects: { now: () => Date.now(), monotonic: () => performance.now() },
  readRootFile: async () => null,
})
const spec: ProcessSpec = JSON.parse(process.argv[2] ?? '')
const onOutput = (_stream: 'stdout' | 'stderr', data: Uint8Array): void => {
  process.stdout.write(data)
}
await executor.run(spec, { kind: 'capture', onOutput }, { signal: new AbortController().signal })
