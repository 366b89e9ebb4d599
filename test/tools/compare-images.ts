import { parseArgs } from 'node:util'
import { compareImages, type Difference } from './compare/difference.ts'
import { flattenImage } from './compare/image.ts'

const USAGE = `usage: node dist/test/tools/compare-images.js [--mtime] [--ignore PATH]... LEFT RIGHT

Compares two images: root file systems as they come out, and configs. LEFT and RIGHT are docker archives,
OCI archives or OCI layout folders. Exit code 0: equal; 1: different; 2: usage.`

await main()

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { mtime: { type: 'boolean', default: false }, ignore: { type: 'string', multiple: true, default: [] } },
  })
  const [left, right] = positionals
  if (left === undefined || right === undefined) {
    console.error(USAGE)
    process.exitCode = 2
    return
  }
  const [a, b] = [await flattenImage(left), await flattenImage(right)]
  const differences = compareImages(a, b, values)
  for (const difference of differences) console.log(describe(difference))
  console.log(`${a.entries.length} and ${b.entries.length} entries, ${differences.length} differences`)
  process.exitCode = differences.length === 0 ? 0 : 1
}

function describe({ where, field, left, right }: Difference): string {
  return `${where}: ${field}\n  - ${left ?? '(absent)'}\n  + ${right ?? '(absent)'}`
}
