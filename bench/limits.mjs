import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { run, timeBlock, timeCommand } from './gauge.mjs'
import { timeRuntime } from './runtime.mjs'

/** As many as the scenario with RUN has steps. */
const CONTAINERS = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do unshare -muipnf true; done'

/** What one thing costs on this machine without any builder around it; on the data of the scenario, all of it in the page cache. */
const BLOCKS = {
  start: () => timeCommand([process.execPath, '-e', '0']),
  containers: () => timeCommand(['sh', '-c', CONTAINERS]),
  sleep: () => timeCommand(['sleep', '1']),
  'OCI runtime': ({ scratch, rootTar, steps }) => intoScratch(scratch, () => timeRuntime(scratch, rootTar, steps)),
  walk: ({ files }) => timeBlock('walk', files),
  copy: ({ files, scratch }) => intoScratch(scratch, () => timeBlock('copy', files, scratch)),
  'copy as one file': ({ files, place, scratch }) => {
    const whole = join(place, 'whole')
    run(['sh', '-c', 'cat "$1"/*/* >"$2"', 'sh', files, whole])
    return intoScratch(whole, () => intoScratch(scratch, () => timeBlock('copy', whole, scratch)))
  },
  sha256: ({ files }) => timeBlock('sha256', files),
  blake3: ({ files }) => timeBlock('blake3', files),
  gzip: ({ files, scratch }) => intoScratch(scratch, () => timeBlock('gzip', files, scratch)),
  zstd: ({ files, scratch }) => intoScratch(scratch, () => timeBlock('zstd', files, scratch)),
  'sha256 of blobs': ({ pulled }) => timeBlock('sha256', ...pulled.blobs),
  inflate: ({ pulled }) => timeBlock('inflate', ...pulled.blobs),
  'sha256 of layers': ({ pulled }) => timeBlock('sha256', ...pulled.layers),
  'copy of layers': ({ pulled, scratch }) => intoScratch(scratch, () => timeBlock('copy', pulled.tree, scratch)),
}

/** One measurement of each block that the scenario names: what is read is the round's own data. */
export function measureBlocks({ limit, also = [] }, stage) {
  return Object.fromEntries([...limit, ...also].map((block) => [block, BLOCKS[block](stage)]))
}

function intoScratch(scratch, work) {
  try {
    return work()
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
