import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BASE } from './builders/names.mjs'
import { fillMixed, fillSmall, nth } from './content.mjs'

const STEPS = 20
const SLEEPERS = 8
const THOUSAND = { stages: 10, steps: 100 }
const MANY = { files: 20_000, size: 2048 }
const VERY_MANY = { files: 50_000, size: 2200 }
const LAYER = { files: 64, bytes: 2 ** 30 }
const GZIP_ARCHIVE = '1 GiB layer to gzip archive'

/**
 * `prepare` fills a context; `change` makes the next build of it one that no cache can answer; `verb` is what is timed (verbs.mjs).
 * `limit` are the blocks (limits.mjs) that no builder can do without, `also` blocks that are shown beside them.
 * `target` is the time wanted as a part of the best peer's, in the scenario `against` where that is another one; `limitTarget` as a
 * multiple of the limit. `steps`: what is over the limit is shown for each of so many. `alone`: no peer, which would take minutes.
 */
export const SCENARIOS = [
  {
    name: 'cached rebuild',
    verb: 'build',
    prepare: (context) => {
      dockerfile(context, ['COPY a.txt /', 'RUN cat /a.txt >/b.txt', 'ENV A=1', 'COPY a.txt /c.txt', 'CMD ["cat", "/b.txt"]'])
      writeFileSync(join(context, 'a.txt'), 'hello\n')
    },
    target: 0.35,
    limit: ['start'],
  },
  {
    name: `cached rebuild, ${THOUSAND.stages * THOUSAND.steps} steps`,
    verb: 'build',
    prepare: thousandSteps,
    alone: true,
    limit: ['start'],
  },
  {
    name: `${THOUSAND.stages * THOUSAND.steps} steps, cold`,
    verb: 'build',
    prepare: thousandSteps,
    alone: true,
    change: (context, round) => writeFileSync(join(context, 'f0'), `${round}\n`),
    limit: ['start'],
  },
  {
    name: `${SLEEPERS} stages of sleep 1`,
    verb: 'build',
    prepare: (context) => sleepers(context, 'first'),
    change: sleepers,
    limitTarget: 1.15,
    limit: ['start', 'sleep'],
  },
  {
    // A key made from contents would run 20 equal steps once; numbers make 20 of them.
    name: `${STEPS} x RUN true, cold`,
    verb: 'build',
    prepare: (context) => {
      dockerfile(context, ['COPY bust /', ...Array.from({ length: STEPS }, (_, step) => `RUN true ${step}`)])
      writeFileSync(join(context, 'bust'), 'first\n')
    },
    change: (context, round) => writeFileSync(join(context, 'bust'), `${round}\n`),
    target: 0.25,
    steps: STEPS,
    limit: ['start', 'OCI runtime'],
    also: ['containers'],
  },
  {
    name: `cached rebuild, ${MANY.files} files`,
    verb: 'build',
    prepare: (context) => copyOfAll(context, MANY),
    target: 0.3,
    limit: ['start', 'walk'],
  },
  {
    name: `one of ${MANY.files} files changed`,
    verb: 'build',
    prepare: (context) => copyOfAll(context, MANY),
    change: (context, round) => writeFileSync(nth(join(context, 'files'), 7777), `${round} `.padEnd(MANY.size, '.')),
    target: 0.15,
    limit: ['start', 'walk', 'sha256'],
  },
  {
    name: `COPY of ${MANY.files} files, cold`,
    verb: 'build',
    prepare: (context) => copyOfAll(context, MANY),
    change: (context, round) => fillSmall(join(context, 'files'), MANY, round),
    limit: ['start', 'walk', 'copy', 'sha256'],
    also: ['blake3'],
  },
  {
    name: `COPY of ${VERY_MANY.files} files, cold`,
    verb: 'build',
    prepare: (context) => copyOfAll(context, VERY_MANY),
    change: (context, round) => fillSmall(join(context, 'files'), VERY_MANY, round),
    target: 0.15,
    limit: ['start', 'walk', 'copy', 'sha256'],
    also: ['blake3'],
  },
  {
    name: GZIP_ARCHIVE,
    verb: 'gzip',
    prepare: (context) => dockerfile(context, ['COPY files /files']),
    change: (context, round) => fillMixed(join(context, 'files'), LAYER, round),
    target: 0.7,
    limit: ['start', 'gzip'],
    also: ['copy', 'copy as one file', 'sha256', 'blake3'],
  },
  {
    name: '1 GiB layer to zstd archive',
    verb: 'zstd',
    prepare: (context) => dockerfile(context, ['COPY files /files']),
    change: (context, round) => fillMixed(join(context, 'files'), LAYER, round),
    target: 0.35,
    against: GZIP_ARCHIVE,
    limit: ['start', 'zstd'],
  },
  {
    name: 'pull and unpack of a 1 GB base',
    verb: 'pull',
    prepare: (context, { pulled }) => dockerfile(context, ['RUN true'], pulled.reference),
    target: 0.5,
    limit: ['start', 'sha256 of blobs', 'inflate', 'sha256 of layers', 'copy of layers'],
  },
]

function dockerfile(context, lines, base = BASE) {
  mkdirSync(join(context, 'files'), { recursive: true })
  writeFileSync(join(context, 'Dockerfile'), [`FROM ${base}`, ...lines, ''].join('\n'))
}

function copyOfAll(context, kind) {
  dockerfile(context, ['COPY files /files'])
  fillSmall(join(context, 'files'), kind, 'first')
}

/** Stages of copies, directories and commands, all of which begin with a file that a round changes, and one that takes something of each. */
function thousandSteps(context) {
  const kinds = [(name) => `COPY f0 /c/${name}`, (name) => `WORKDIR /w/${name}`, (name) => `RUN echo ${name} >/r-${name}`]
  const lines = indices(THOUSAND.stages).flatMap((stage) => [
    `FROM ${BASE} AS s${stage}`,
    ...indices(THOUSAND.steps).map((step) => kinds[step % kinds.length](`${stage}-${step}`)),
  ])
  const taken = indices(THOUSAND.stages).map((stage) => `COPY --from=s${stage} /c /c`)
  mkdirSync(context, { recursive: true })
  writeFileSync(join(context, 'Dockerfile'), [...lines, 'FROM scratch', ...taken, ''].join('\n'))
  writeFileSync(join(context, 'f0'), 'first\n')
}

/** Stages that only wait, side by side. */
function sleepers(context, round) {
  const stages = indices(SLEEPERS).map((stage) => `FROM ${BASE} AS s${stage}\nRUN sleep 1 && echo ${round} ${stage} >/out`)
  const taken = indices(SLEEPERS).map((stage) => `COPY --from=s${stage} /out /${stage}`)
  mkdirSync(context, { recursive: true })
  writeFileSync(join(context, 'Dockerfile'), [...stages, 'FROM scratch', ...taken, ''].join('\n'))
}

function indices(length) {
  return Array.from({ length }, (_, index) => index)
}
