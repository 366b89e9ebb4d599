import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { REPOSITORY } from '../support/paths.ts'
import { MAY_IMPORT, ROOMS } from './rooms.ts'

const PAGES = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...readdirSync(join(REPOSITORY, 'docs')).map((name) => `docs/${name}`)]
const { scripts } = JSON.parse(read('package.json'))

describe('documentation', () => {
  test('the README opens with the two commands', () => {
    const [first = ''] = /```\n([^`]*)```/.exec(read('README.md'))?.slice(1) ?? []
    const commands = first
      .trim()
      .split('\n')
      .map((line) => line.replace(/\s+#.*/, ''))
    assert.deepEqual(commands, ['npm run demo', 'npm test'])
  })

  test('CI runs the test command of the README', () => {
    assert.match(read('.ci/run'), /^exec npm test <\/dev\/null$/m)
  })

  for (const page of PAGES.filter((path) => path.endsWith('.md'))) {
    test(`${page}: links lead somewhere, npm scripts exist`, () => {
      const text = read(page)
      const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => join(dirname(page), target))
      assert.deepEqual(
        links.filter((target) => !existsSync(join(REPOSITORY, target))),
        [],
      )
      const used = [...text.matchAll(/\bnpm run ([\w:]+)/g)].map(([, name = '']) => name)
      assert.deepEqual(
        used.filter((name) => !(name in scripts)),
        [],
      )
    })
  }

  test('the table of rooms says what the import test holds', () => {
    const rows = [...read('docs/architecture.md').matchAll(/^\| (\w+) \| [^|]+ \| ([^|]+) \|$/gm)]
    const table = Object.fromEntries(
      rows.filter(([, room = '']) => ROOMS.includes(room)).map(([, room = '', list = '']) => [room, roomsIn(list, room)]),
    )
    assert.deepEqual(table, MAY_IMPORT)
  })
})

function roomsIn(list: string, room: string): readonly string[] {
  if (list === 'nothing of ours') return []
  return list === 'all above' ? ROOMS.slice(0, ROOMS.indexOf(room)) : list.split(', ')
}

function read(path: string): string {
  return readFileSync(join(REPOSITORY, path), 'utf8')
}
