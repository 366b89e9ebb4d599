// Times tsbuild against Docker, round by round in turn: node main.mjs [--rounds 5] [--peers docker|none] [--only NAME] [--disk DIR]
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { dockerBuilder, tsbuildBuilder } from './builders.mjs'
import { openDisk } from './disk.mjs'
import { formatTable } from './report.mjs'
import { SCENARIOS } from './scenarios.mjs'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    peers: { type: 'string', default: 'docker' },
    only: { type: 'string' },
    disk: { type: 'string' },
  },
})
const rounds = Number(values.rounds)
if (!(rounds >= 1)) throw new RangeError(`--rounds ${values.rounds}: a number from 1`)

const disk = openDisk(values.disk)
try {
  const builders = [tsbuildBuilder(disk.path), ...(values.peers === 'docker' ? dockerBuilder() : [])]
  console.error(`${rounds} rounds on ${disk.description}: ${builders.map(({ name, version }) => `${name} ${version}`).join(', ')}`)
  const results = []
  for (const scenario of SCENARIOS.filter(({ name }) => values.only === undefined || name.includes(values.only))) {
    results.push({ name: scenario.name, times: measure(scenario, builders) })
  }
  console.log(
    formatTable(
      results,
      builders.map(({ name }) => name),
    ),
  )
} finally {
  disk.close()
}

/** Milliseconds by builder. Rounds alternate between the builders, so that a slow moment of the machine hits both. */
function measure(scenario, builders) {
  const times = Object.fromEntries(builders.map(({ name }) => [name, []]))
  const contexts = builders.map((builder) => {
    const context = join(disk.path, `${scenario.name}-${builder.name}`)
    mkdirSync(context, { recursive: true })
    scenario.prepare(context)
    builder.build(context)
    return context
  })
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, builder] of builders.entries()) {
      // Both make the same change, of which no cache can know yet.
      scenario.change?.(contexts[index], `${process.pid}-${round}`)
      times[builder.name].push(builder.build(contexts[index]))
    }
    console.error(`${scenario.name}: round ${round + 1}`)
  }
  return times
}
