/**
 * Four tables: times and ratios; how far the first builder is from the limit; memory and sizes; the blocks of the limit.
 * @param {object[]} results what `measure` gives
 * @param {string[]} names of the builders, the one in question first
 */
export function formatReport(results, names) {
  const tables = [times(results, names), limits(results, names[0]), resources(results, names), blocks(results)]
  return tables.map(formatTable).join('\n\n')
}

function times(results, [subject, ...peers]) {
  const header = ['scenario', subject, ...peers, ...peers.map((peer) => `${subject} / ${peer}`), '/ best peer', 'target']
  const rows = results.map(({ scenario, runs }) => {
    const ours = timesOf(runs[subject])
    const ratios = peers.map((peer) => ratio(median(ours), median(timesOf(runs[peer]))))
    const best = median(ours) / bestOf(results, scenario, peers)
    const { target } = scenario
    const verdict = target === undefined ? '-' : `${target} ${Number.isNaN(best) ? '' : best <= target ? 'met' : 'missed'}`.trim()
    return [scenario.name, ...[subject, ...peers].map((name) => summary(timesOf(runs[name]))), ...ratios, ratio(best, 1), verdict]
  })
  return [header, ...rows]
}

/** The best peer's median, in the scenario that the target speaks of. */
function bestOf(results, scenario, peers) {
  const compared = results.find((result) => result.scenario.name === (scenario.against ?? scenario.name))
  const medians = peers.map((peer) => median(timesOf(compared?.runs[peer] ?? []))).filter((value) => !Number.isNaN(value))
  return medians.length === 0 ? Number.NaN : Math.min(...medians)
}

function limits(results, subject) {
  const rows = results.map(({ scenario, runs, blocks }) => {
    const sum = median(blocks.map((round) => scenario.limit.reduce((total, block) => total + round[block].milliseconds, 0)))
    const parts = scenario.limit.map((block) => `${block} ${duration(median(blocks.map((round) => round[block].milliseconds)))}`)
    const ours = median(timesOf(runs[subject]))
    const over = scenario.steps === undefined ? '-' : `${((ours - sum) / scenario.steps).toFixed(1)} ms`
    const { limitTarget: target } = scenario
    const verdict = target === undefined ? '-' : `${target} ${ours / sum <= target ? 'met' : 'missed'}`
    return [scenario.name, duration(sum), ratio(ours, sum), verdict, over, parts.join(' + ')]
  })
  return [['scenario', 'limit', `${subject} / limit`, 'target', 'over it, a step', 'sum of'], ...rows]
}

function resources(results, [subject, ...peers]) {
  const names = [subject, ...peers]
  const sizes = [...names.map((name) => `archive, ${name}`), ...peers.map((peer) => `size / ${peer}`)]
  const header = ['scenario', ...names.map((name) => `peak memory, ${name}`), ...sizes]
  const rows = results.map(({ scenario, runs }) => [
    scenario.name,
    ...names.map((name) => unit(largest(runs[name], 'peakKiB'), 1024, 'MiB')),
    ...names.map((name) => unit(largest(runs[name], 'size'), 1e6, 'MB')),
    ...peers.map((peer) => ratio(largest(runs[subject], 'size'), largest(runs[peer], 'size'))),
  ])
  return [header, ...rows]
}

function blocks(results) {
  const rows = results.flatMap(({ scenario, blocks }) =>
    Object.keys(blocks[0]).map((block) => {
      const taken = blocks.map((round) => round[block])
      const { files, bytes } = taken[0]
      const seconds = median(timesOf(taken)) / 1000
      // A walk reads no content.
      const rate = bytes === undefined || block === 'walk' ? '-' : `${Math.round(bytes / 2 ** 20 / seconds)} MiB/s`
      const amount = bytes === undefined ? '-' : `${files} files, ${unit(bytes, 1e6, 'MB')}`
      return [scenario.name, block, summary(timesOf(taken)), amount, rate]
    }),
  )
  return [['scenario', 'block', 'time', 'amount', 'rate'], ...rows]
}

function formatTable([header, ...rows]) {
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column].length)))
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

function timesOf(results) {
  return results.map(({ milliseconds }) => milliseconds)
}

/** NaN where nobody knows. */
function largest(results, field) {
  return results.length === 0 ? Number.NaN : Math.max(...results.map((result) => result[field] ?? Number.NaN))
}

function summary(times) {
  if (times.length === 0) return '-'
  return `${duration(median(times))} (${duration(Math.min(...times))} - ${duration(Math.max(...times))})`
}

/** NaN of nothing. */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

function ratio(value, of) {
  return Number.isNaN(value / of) ? '-' : (value / of).toFixed(2)
}

function unit(value, divisor, name) {
  return Number.isFinite(value) ? `${(value / divisor).toFixed(value < 100 * divisor ? 1 : 0)} ${name}` : '-'
}

function duration(milliseconds) {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(2)} s`
}
