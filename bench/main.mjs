// Times tsbuild against its peers in one run:
//   node main.mjs [--rounds 5] [--peers docker,buildah|none] [--only NAME,…] [--disk DIR]
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openBuilders } from './builders/index.mjs'
import { openDisk } from './disk.mjs'
import { buildGauge, Interrupted } from './gauge.mjs'
import { servePulledBase } from './pulled-base.mjs'
import { formatReport } from './report.mjs'
import { measure } from './rounds.mjs'
import { SCENARIOS } from './scenarios.mjs'

const ROOT_TAR = fileURLToPath(new URL('../node_modules/.cache/tsbuild/demo-base.tar', import.meta.url))

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    peers: { type: 'string', default: 'docker,buildah' },
    only: { type: 'string', default: '' },
    disk: { type: 'string' },
  },
})
const rounds = Number(values.rounds)
if (!(rounds >= 1)) throw new RangeError(`--rounds ${values.rounds}: a number from 1`)
const scenarios = SCENARIOS.filter(({ name }) => values.only.split(',').some((part) => name.includes(part)))

let asked = false
// The default would end the process before anything is put away.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    asked = true
  })
}
const checkpoint = () => {
  if (asked) throw new Interrupted('stopped')
}

buildGauge()
const disk = openDisk(values.disk)
const closing = [() => disk.close()]
try {
  const builders = openBuilders(values.peers, disk.path, baseContext(disk.path))
  closing.push(...builders.map((builder) => () => builder.close()))
  const named = builders.map(({ name, version }) => `${name} ${version}`).join(', ')
  console.error(`${rounds} rounds on ${disk.description}: ${named}`)
  const results = []
  for (const scenario of scenarios) results.push(...(await attempt(scenario, builders)))
  console.log(
    formatReport(
      results,
      builders.map(({ name }) => name),
    ),
  )
} catch (error) {
  if (!(error instanceof Interrupted)) throw error
  process.exitCode = 130
} finally {
  for (const close of closing.reverse()) await putAway(close)
}

/** What cannot be put away is told of, and the rest is put away all the same. */
async function putAway(close) {
  try {
    await close()
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
}

/** One scenario; one that fails is told of, and the others go on. */
async function attempt(scenario, builders) {
  let pulled
  try {
    if (scenario.verb === 'pull') pulled = await servePulledBase(join(disk.path, 'pulled'), ROOT_TAR)
    checkpoint()
    return [await measure(scenario, builders, { disk: disk.path, pulled, rootTar: ROOT_TAR, rounds, checkpoint })]
  } catch (error) {
    if (error instanceof Interrupted) throw error
    // The signal may have ended what this was waiting for.
    checkpoint()
    console.error(`${scenario.name}: ${error.message}`)
    process.exitCode = 1
    return []
  } finally {
    await pulled?.close()
  }
}

/** A context that every builder makes the same base of. */
function baseContext(place) {
  const context = join(place, 'base')
  mkdirSync(context)
  copyFileSync(ROOT_TAR, join(context, 'root.tar'))
  writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nADD root.tar /\nENV PATH=/usr/sbin:/usr/bin:/sbin:/bin\n')
  return context
}
