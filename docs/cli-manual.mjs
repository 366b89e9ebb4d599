// Writes docs/cli.md from the commands' definitions. Needs `npm run build`.
import { writeFile } from 'node:fs/promises'
import { manual } from '../dist/cli/manual.js'

await writeFile(new URL('cli.md', import.meta.url), await manual())
