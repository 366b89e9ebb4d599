import { rmSync, statSync } from 'node:fs'
import { run } from './gauge.mjs'

/**
 * What is timed of a builder in one round. Each gives `milliseconds`, `peakKiB` where it is known, `size` of what was written;
 * `undefined` when the builder cannot. `warm`: the builder has built the context once before the first round.
 */
export const VERBS = {
  build: { warm: true, round: build },
  gzip: { warm: false, round: (builder, stage) => archive(builder, stage, 'gzip') },
  zstd: { warm: false, round: (builder, stage) => archive(builder, stage, 'zstd') },
  pull: { warm: false, round: pull },
}

function build(builder, { context }) {
  settle()
  return builder.build(context)
}

/** Only the writing of an image that is there: every builder keeps its layers unpacked or as plain tars, none of them packed. */
function archive(builder, { context, scratch }, compression) {
  if (!builder.archives.includes(compression)) return undefined
  builder.reset()
  builder.build(context)
  settle()
  try {
    const timed = builder.archive(context, compression, scratch)
    return { ...timed, size: statSync(scratch).size }
  } finally {
    rmSync(scratch, { force: true })
  }
}

/** Nothing of the base is there before; that it was really sent is read off the registry. */
function pull(builder, { context, pulled }) {
  builder.reset()
  settle()
  const before = pulled.registry.written()
  const timed = builder.build(context)
  const sent = pulled.registry.written() - before
  if (sent < pulled.size) throw new Error(`${builder.name} fetched ${sent} of ${pulled.size} bytes: not a cold pull`)
  return timed
}

/** What earlier work left to write must not be written during this one. */
function settle() {
  run(['sync'])
}
