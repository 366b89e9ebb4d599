import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { REPOSITORY } from '../support/paths.ts'

const CASES = join(REPOSITORY, 'testdata/differential')

/** In scripts, arguments and names of files: the absolute folder of the case's context. `$CONTEXT.more` beside it is the case's, too. */
const CONTEXT = '$CONTEXT'

/** In arguments and the Dockerfile: the URL of a web server that has what the case puts into `$CONTEXT.www`, its git repositories too. */
const SERVER = '$SERVER'

/**
 * A text case, called `group/name`: a comment, then `-- name --` sections, each of which may be left out.
 * What goes in: `Dockerfile`; `file PATH` for each file of the context, or with `$CONTEXT.more/PATH` one outside of it; `context`, a
 * shell script run in the context for what text cannot say (links, modes, archives); `args`, one option of `docker build` a line, or
 * what stands for the context where that is not the folder (`-`, a URL, `$SERVER/x`); `env`, a variable a line; `stdin`, a shell script run in the
 * context whose output is the build's standard input.
 * `newer`: what of it Docker 28's BuildKit does not know; a newer BuildKit is asked then.
 * What comes out: `expect`, what Docker makes of it; `ours`, what we make of it where we mean to differ; `error`, our code where we fail.
 */
export interface DifferentialCase {
  readonly name: string
  readonly dockerfile: string | undefined
  readonly files: ReadonlyMap<string, string>
  readonly script: string
  /** Lines of `args`. */
  readonly options: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly stdin: string | undefined
  readonly newer: boolean
  readonly expect: string
  readonly ours: string
  readonly error: string
}

/** Where a case is laid out. */
export interface Place {
  /** The context's own folder. */
  readonly folder: string
  /** `http://127.0.0.1:PORT`: serves everything that lies beside the folder. */
  readonly server: string
}

/** What is asked of either builder, with the folder of the context in place. */
export interface Asked {
  readonly options: readonly string[]
  readonly context: string
}

type Expectation = 'expect' | 'ours' | 'error'

const EXPECTATIONS: ReadonlySet<string> = new Set<Expectation>(['expect', 'ours', 'error'])
const INPUTS: ReadonlySet<string> = new Set(['Dockerfile', 'context', 'args', 'env', 'stdin', 'newer'])

/** All cases, in order of name. */
export function readCases(): readonly DifferentialCase[] {
  return readdirSync(CASES, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.txt'))
    .sort()
    .map((name) => readCase(name.replace(/\.txt$/, '')))
}

/** The case's command line as words, the context last among the `docker build` arguments. */
export function askOf(given: DifferentialCase, place: Place): Asked {
  const { folder } = place
  const lines = given.options.map((line) => inContext(inServer(line, place), folder))
  const words = lines.filter((line) => /^-./.test(line)).flatMap((line) => /^(-[^ =]+) (.*)$/s.exec(line)?.slice(1) ?? [line])
  return { options: words, context: lines.find((line) => !/^-./.test(line)) ?? folder }
}

/** `text` with the absolute folder of the context where the case says `$CONTEXT`. */
export function inContext(text: string, folder: string): string {
  return text.replaceAll(CONTEXT, folder)
}

/** `text` with the URL of the case's files where the case says `$SERVER`. */
export function inServer(text: string, place: Place): string {
  return text.replaceAll(SERVER, serverUrl(place))
}

/** The opposite: what of a result depends on where the case is. */
export function outOfServer(text: string, place: Place): string {
  return text.replaceAll(serverUrl(place), SERVER)
}

function serverUrl({ folder, server }: Place): string {
  return `${server}/${basename(folder)}.www`
}

/** Puts expectations in place of what the file had, inputs untouched. Empty ones are left out. */
export function rewriteExpectations(name: string, expected: Readonly<Record<Expectation, string>>): void {
  const { comment, sections } = split(name)
  const inputs = [...sections].filter(([title]) => !EXPECTATIONS.has(title))
  const outputs = Object.entries(expected).filter(([, text]) => text !== '')
  const text = [...inputs, ...outputs].map(([title, body]) => `-- ${title} --\n${body}`).join('')
  writeFileSync(pathOf(name), comment + text)
}

function readCase(name: string): DifferentialCase {
  const { sections } = split(name)
  const unknown = [...sections.keys()].find((title) => !title.startsWith('file ') && !INPUTS.has(title) && !EXPECTATIONS.has(title))
  if (unknown !== undefined) throw new Error(`${name}: no section is called ${unknown}`)
  const files = [...sections].filter(([title]) => title.startsWith('file ')).map(([title, text]) => [title.slice(5), text] as const)
  const lines = (title: string): string[] => (sections.get(title) ?? '').split('\n').filter((line) => line !== '')
  return {
    name,
    dockerfile: sections.get('Dockerfile'),
    files: new Map(files),
    script: sections.get('context') ?? '',
    options: lines('args'),
    env: Object.fromEntries(lines('env').map((line) => [line.replace(/=.*$/, ''), line.replace(/^[^=]*=/, '')])),
    stdin: sections.get('stdin'),
    newer: sections.has('newer'),
    expect: sections.get('expect') ?? '',
    ours: sections.get('ours') ?? '',
    error: sections.get('error') ?? '',
  }
}

function split(name: string): { readonly comment: string; readonly sections: ReadonlyMap<string, string> } {
  const [comment = '', ...rest] = readFileSync(pathOf(name), 'utf8').split(/^-- (.+) --\n/m)
  const sections = new Map<string, string>()
  for (let index = 0; index < rest.length; index += 2) sections.set(rest[index] ?? '', rest[index + 1] ?? '')
  return { comment, sections }
}

function pathOf(name: string): string {
  return join(CASES, `${name}.txt`)
}
