import type { Random } from './random.ts'

/** What the words' variables hold; `N` is not set. */
export const VARIABLES: Readonly<Record<string, string>> = {
  A: 'xyzxyz',
  E: '',
  H: 'a/b/c.tar.gz',
  S: ' two  words ',
  Q: '"q\'$A\\`*?',
  U: '\u00e4\u{1f600}b\u00e4',
  A_1: 'one',
}

const NAMES = ['A', 'A', 'A', 'E', 'H', 'S', 'Q', 'U', 'A_1', 'N', 'N', 'NN', '\u00e4']
const ODD_NAMES = ['1', '12', '@', '*', '#', '?', '-', '$', '!', '0', '', '.', 'A B', ' A', '{', ':', '=']
const MODIFIERS = [':-', '-', ':+', '+', ':?', '?', '#', '##', '%', '%%', '#', '%']
const ODD_MODIFIERS = [':#', ':%', ':/', ':', '^', '!', '=', ':x', ',', '@', '###', '%%%', ' ']
const PLAIN = [
  'a',
  'b',
  'x',
  'y',
  'z',
  'xy',
  'tar',
  '.',
  '/',
  '-',
  '_',
  '*',
  '?',
  '#',
  '%',
  ':',
  '+',
  '=',
  '@',
  '~',
  ',',
  ';',
  '|',
  '<',
  '<<',
]
const RARE = ['{', '}', '[', ']', '!', '&', '(', ')', '>', ' ', '\t', '  ', '\u00a0', '\u00e9', '\u{1f600}', '\u2028', '\ufeff', '^']

/** A word with variables, quotes and escapes in it, as a line of a Dockerfile could have; many are malformed. */
export function randomWord(random: Random, escape: string): string {
  const word = parts(random, escape, 0)
  // The end of a line must not continue it, and BuildKit would cut blanks off.
  const open = /^[\s\u0085]/.test(word) ? `.${word}` : word
  return /[\\`\s\u0085]$/.test(open) || open === '' ? `${open}.` : open
}

function parts(random: Random, escape: string, depth: number): string {
  return random.list(depth === 0 ? 1 : 0, depth === 0 ? 5 : 3, () => part(random, escape, depth)).join('')
}

function part(random: Random, escape: string, depth: number): string {
  const kind = random.number(100)
  if (kind < 32) return random.pick(PLAIN)
  if (kind < 36) return random.pick(RARE)
  if (kind < 46)
    return random.pick([escape, escape, escape, '\\', '`']) + random.pick(['$', '"', "'", '\\', '`', 'a', '*', '?', '}', '/', '{', ' '])
  if (kind < 54) return `'${random.chance(95) ? singleQuoted(random, escape) : ''}${random.chance(97) ? "'" : ''}`
  if (kind < 64)
    return `"${depth < 3 ? parts(random, escape, depth + 1).replaceAll('"', random.chance(80) ? '' : '"') : 'q'}${random.chance(97) ? '"' : ''}`
  return variable(random, escape, depth)
}

function singleQuoted(random: Random, escape: string): string {
  return random.list(0, 3, () => random.pick([...PLAIN, '$A', `${escape}$A`, escape, '"', ' '])).join('')
}

function variable(random: Random, escape: string, depth: number): string {
  const name = random.chance(93) ? random.pick(NAMES) : random.pick(ODD_NAMES)
  const form = random.number(100)
  if (form < 15) return `$${name}`
  if (form < 27) return `\${${name}}`
  const close = random.chance(97) ? '}' : ''
  const inner = (): string => (depth < 3 ? parts(random, escape, depth + 1) : random.pick(PLAIN))
  if (form < 80) return `\${${name}${random.chance(95) ? random.pick(MODIFIERS) : random.pick(ODD_MODIFIERS)}${inner()}${close}`
  return `\${${name}${random.pick(['/', '/', '//', '///'])}${inner()}${random.chance(95) ? '/' : ''}${inner()}${close}`
}
