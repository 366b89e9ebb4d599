import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { MAY_IMPORT, ROOMS } from './rooms.ts'
import { type SourceFile, sourceFiles } from './sources.ts'

const CONNECTIONS = ['node:http', 'node:https', 'node:http2', 'node:net', 'node:tls', 'node:dgram', 'node:dns', 'undici']
const CLOCK = /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bprocess\.hrtime\b/
/** A file that is handed its `fetch` shadows the global one. */
const INJECTED = /[({,] ?fetch(?:: Effects\['fetch'\]|[ ,})])/
const FETCH = /(?<![.\w])fetch\((?!\w*:)|\bglobalThis\.fetch\b/

interface Import {
  readonly file: string
  readonly line: number
  /** What stands before the specifier. */
  readonly names: string
  readonly specifier: string
}

const files = sourceFiles(ROOMS, '.ts')
const imports = files.flatMap(importsOf)

describe('import directions', () => {
  test('the rooms are there, and the reader of imports finds some', () => {
    assert.ok(files.length > 50)
    assert.ok(imports.length > files.length)
  })

  for (const [room, allowed] of Object.entries(MAY_IMPORT)) {
    test(`${room} imports only ${allowed.join(', ') || 'nothing of ours'}`, () => {
      const wrong = imports
        .filter(({ file }) => roomOf(file) === room)
        .filter(({ file, specifier }) => {
          const target = targetRoom(file, specifier)
          return target !== undefined && target !== room && !allowed.includes(target)
        })
      assert.deepEqual(wrong.map(describeImport), [])
    })
  }

  test('only store imports the SQLite driver', () => {
    const wrong = imports.filter(({ file, specifier }) => specifier === 'better-sqlite3' && roomOf(file) !== 'store')
    assert.deepEqual(wrong.map(describeImport), [])
  })

  test('only engine/host imports what opens connections, and engine/ssh for the sockets of agents on this machine', () => {
    const wrong = imports
      .filter(({ file, names, specifier }) => CONNECTIONS.includes(specifier) && !isHost(file) && !onlyParses(names))
      .filter(({ file, specifier }) => !(file.startsWith('engine/ssh/') && specifier === 'node:net'))
    assert.deepEqual(wrong.map(describeImport), [])
  })

  test('relative imports name the file, with its extension', () => {
    const wrong = imports.filter(({ specifier }) => specifier.startsWith('.') && !/\.(?:ts|mjs)$/.test(specifier))
    assert.deepEqual(wrong.map(describeImport), [])
  })
})

describe('effects', () => {
  test('only the renderers write to standard output and error; archives take it from engine/host', () => {
    assert.deepEqual(
      places((file) => !file.startsWith('cli/render/') && !isHost(file), /\bprocess\.(?:stdout|stderr)\b|\bconsole\./),
      [],
    )
  })

  test('only engine/host reads the clock', () => {
    assert.deepEqual(
      places((file) => !isHost(file), CLOCK),
      [],
    )
  })

  test('only engine/host fetches', () => {
    const injected = files.filter(({ lines }) => lines.some((text) => INJECTED.test(text))).map(({ path }) => path)
    assert.deepEqual(
      places((file) => !isHost(file) && !injected.includes(file), FETCH),
      [],
    )
  })
})

function importsOf({ path, lines }: SourceFile): Import[] {
  return lines.flatMap((text, index) =>
    [...text.matchAll(/(.*)(?<=^import |\bfrom |\bimport\()'([^']+)'/g)].map(([, names = '', specifier = '']) => ({
      file: path,
      line: index + 1,
      names,
      specifier,
    })),
  )
}

/** `node:net` also reads addresses, which connects to nobody. */
function onlyParses(names: string): boolean {
  return /^import \{ (?:isIP(?:v[46])?(?:, )?)+ \} from $/.test(names)
}

function targetRoom(file: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? roomOf(join(dirname(file), specifier)) : undefined
}

function roomOf(path: string): string {
  return path.slice(0, path.indexOf('/'))
}

function isHost(path: string): boolean {
  return path === 'engine/host.ts' || path.startsWith('engine/host/')
}

/** Lines of code that match, as `path:line`; comments and contracts (a method called `fetch`) do not count. */
function places(concerns: (file: string) => boolean, pattern: RegExp): string[] {
  return files
    .filter(({ path }) => concerns(path))
    .flatMap(({ path, lines }) =>
      lines.flatMap((text, index) => (pattern.test(text) && !/^\s*(?:\*|\/[/*])/.test(text) ? [`${path}:${index + 1}`] : [])),
    )
}

function describeImport({ file, line, specifier }: Import): string {
  return `${file}:${line} imports ${specifier}`
}
