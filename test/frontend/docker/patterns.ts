import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Random } from './random.ts'

/** Files of a context; each one holds its own path. */
export const PATHS: readonly string[] = [
  ...['a', 'b', 'ab', 'abc', 'b-c', '.x', 'x.txt', 'y.txt', 'a b', '\u00e4', '[q]', 'w*', 'b\\c', '#c', '!n', 'A'],
  ...['d/a', 'd/b.txt', 'd/.x', 'd/e/a', 'd/e/x.txt', 'd/e/f/a', 'e/a', 'e/d/a', 'q/a b/x.txt', 'q/ab', '.h/a', 'd.txt/a', 'aa/bb/cc/dd'],
]

/** Directories with nothing in them. */
const EMPTY = ['z', 'd/z']

const NAMES = ['a', 'b', 'ab', '.x', 'x.txt', 'd', 'e', 'd', 'q', 'z', '\u00e4', 'a b', 'aa', 'A']
const GLOBS = [
  '*',
  '*',
  '?',
  '**',
  '*.txt',
  '[ab]',
  '[^a]',
  '[a-c]',
  '[!a]',
  '?b',
  'a*',
  '*b*',
  '.*',
  '[a',
  ']',
  '[]a]',
  '\\*',
  'w\\*',
  '\\[q\\]',
  '[[]q]',
  '[\\^a]',
  '[a-]',
  '[-a]',
  '{a,b}',
  '+(a)',
  '***',
  'a**',
  '**b',
  '[^]]',
  '[\u00e0-\u00ef]',
  '??',
  '[^^]*',
]

/** A path with wildcards, malformed now and then. */
export function randomPattern(random: Random): string {
  const parts = random.list(1, 3, () => (random.chance(55) ? random.pick(NAMES) : random.pick(GLOBS)))
  const path = parts.join(random.chance(95) ? '/' : random.pick(['//', '/./', '/../']))
  return (
    (random.chance(88) ? '' : random.pick(['/', './', '../', '//'])) +
    path +
    (random.chance(90) ? '' : random.pick(['/', '/.', '/*', '/**']))
  )
}

/** The lines of an ignore file. */
export function randomRules(random: Random): readonly string[] {
  return random.list(1, 5, () => {
    const negated = random.chance(35) ? random.pick(['!', '!', '!', '! ', '!/']) : ''
    const line = negated + randomPattern(random)
    return random.chance(90)
      ? line
      : random.pick([` ${line}`, `${line} `, `\t${line}`, `${line}\r`, `#${line}`, ` #${line}`, '', '!', '.', '/', `!${line}`, '**', '*'])
  })
}

/** Lays out the files. */
export async function writePaths(folder: string): Promise<void> {
  for (const path of EMPTY) await mkdir(join(folder, path), { recursive: true })
  for (const path of PATHS) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), path)
  }
}
