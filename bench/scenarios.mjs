import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BASE } from './builders.mjs'

const STEPS = 20
const FILES = 20_000

/** `prepare` fills a folder with a context and is followed by one build that is not timed; `change` makes a build cold again. */
export const SCENARIOS = [
  {
    name: 'cached rebuild',
    prepare: (context) => {
      dockerfile(context, ['COPY a.txt /', 'RUN cat /a.txt >/b.txt', 'ENV A=1', 'COPY a.txt /c.txt', 'CMD ["cat", "/b.txt"]'])
      writeFileSync(join(context, 'a.txt'), 'hello\n')
    },
  },
  {
    // A key made from contents would run 20 equal steps once; numbers make 20 of them.
    name: `${STEPS} x RUN true, cold`,
    prepare: (context) => {
      dockerfile(context, ['COPY bust /', ...Array.from({ length: STEPS }, (_, step) => `RUN true ${step}`)])
      writeFileSync(join(context, 'bust'), 'first\n')
    },
    change: (context, round) => writeFileSync(join(context, 'bust'), `${round}\n`),
  },
  {
    name: `COPY of ${FILES} files, cold`,
    prepare: (context) => {
      dockerfile(context, ['COPY files /files'])
      manyFiles(context, 'first')
    },
    change: (context, round) => manyFiles(context, round),
  },
]

function dockerfile(context, lines) {
  writeFileSync(join(context, 'Dockerfile'), [`FROM ${BASE}`, ...lines, ''].join('\n'))
}

/** 2 KB each, 100 a folder, every one with other bytes than in any round before. */
function manyFiles(context, round) {
  for (let index = 0; index < FILES; index += 1) {
    const folder = join(context, 'files', String(Math.floor(index / 100)))
    if (index % 100 === 0) mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `${index}.txt`), `${round} ${index} `.padEnd(2048, '.'))
  }
}
