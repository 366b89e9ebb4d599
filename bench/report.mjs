/** A line a scenario: each builder's median with its spread, and how the first stands to each of the others. */
export function formatTable(results, names) {
  const [subject, ...peers] = names
  const header = ['scenario', ...names, ...peers.map((peer) => `${subject} / ${peer}`)]
  const rows = results.map(({ name, times }) => [
    name,
    ...names.map((builder) => summary(times[builder])),
    ...peers.map((peer) => (median(times[subject]) / median(times[peer])).toFixed(2)),
  ])
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column].length)))
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

function summary(times) {
  return `${duration(median(times))} (${duration(Math.min(...times))} - ${duration(Math.max(...times))})`
}

function median(times) {
  const sorted = [...times].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

function duration(milliseconds) {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(2)} s`
}
