import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { COMMANDS } from '../../cli/commands/index.ts'
import { parseArguments } from '../../cli/parse.ts'
import { selectCommand } from '../../cli/select.ts'
import { ROOMS } from '../house/rooms.ts'
import { sourceFiles } from '../house/sources.ts'
import { REPOSITORY } from '../support/paths.ts'

test("the README's command lines are ones that the parser takes", async () => {
  const readme = readFileSync(join(REPOSITORY, 'README.md'), 'utf8')
  const blocks = [...readme.matchAll(/^```\n(.*?)^```/gms)].map(([, block]) => block).join('')
  const lines = [...blocks.matchAll(/^tsbuild (.*?)(?:\s+#.*)?$/gm)].map(([, words = '']) => words.split(/\s+/))
  assert.ok(lines.length > 5)
  for (const words of lines) {
    const selected = await selectCommand(words, { exists: async () => false })
    assert.equal(selected.kind, 'command', words.join(' '))
    const module = await COMMANDS[selected.kind === 'command' ? selected.name : '']?.load()
    assert.ok(module !== undefined, words.join(' '))
    const argv = selected.kind === 'command' ? selected.argv : []
    assert.doesNotThrow(() => parseArguments(module, argv), words.join(' '))
  }
})

test('a message that names a command of ours names one that there is', () => {
  const named = sourceFiles(ROOMS, '.ts').flatMap(({ path, lines }) =>
    [...lines.join('\n').matchAll(/`tsbuild ([a-z]+)/g)].map(([, name = '']) => ({ path, name })),
  )
  assert.ok(named.length > 5)
  assert.deepEqual(
    // `needs`: a message that begins with the program's name
    named.filter(({ name }) => name !== 'needs' && !Object.hasOwn(COMMANDS, name)),
    [],
  )
})
