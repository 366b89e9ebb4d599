import type { Random } from './random.ts'

const TEXTS = [
  'a',
  'b c',
  'x  y',
  '"q"',
  "'s'",
  '#',
  '# c',
  '$A',
  '${A}',
  'é',
  '<<',
  '<<X',
  '\\',
  '\\\\',
  '`',
  '``',
  '\\n',
  '=',
  '\t',
  ' ',
  '--x',
  '[',
  ']',
  ',',
  '{',
  '\u00a0',
  '\ufeff',
]
const BLANKS = ['', '', '', ' ', '  ', '\t', ' \t ', '\v', '\f', '\r', '\u00a0', '\u0085', '\ufeff']
const COMMENTS = ['# c', '#', '  # c \\', '# c `', '\t#\\', '#x=y', '# escape=`', '# check=skip=all']
const DIRECTIVES = [
  '# escape=`',
  '# escape=\\',
  '#escape = `',
  '# check=skip=all',
  '# x=y',
  '# comment',
  '',
  '#',
  ' # escape=`',
  '# Escape=`',
]
const DELIMITERS = ['EOF', '"EOF"', "'E F'", 'E"O"F', 'X', 'EOF', 'a.b', '"$x"', '${x}', '\\EOF']

/** A Dockerfile of a few instructions with comments, blank lines, continuations and here-documents wherever they may be. */
export function randomFile(random: Random): string {
  const directives = random.chance(50) ? [] : random.list(1, 2, () => random.pick(DIRECTIVES))
  const escape = directives.some((line) => /escape\s*=\s*`/i.test(line)) && random.chance(90) ? '`' : '\\'
  const end = random.chance(85) ? '\n' : '\r\n'
  const lines = [...directives, 'FROM scratch', ...random.list(1, 6, () => instruction(random, escape)).flat()]
  const text = lines.join(end) + (random.chance(80) ? end : '')
  return random.chance(5) ? `\ufeff${text}` : text
}

function instruction(random: Random, escape: string): readonly string[] {
  const before = random.chance(30) ? random.list(1, 2, () => random.pick([...COMMENTS, ...BLANKS])) : []
  if (random.chance(25)) return [...before, ...withHeredocs(random, escape)]
  const keyword = random.pick(['CMD', 'CMD', 'USER', 'ENTRYPOINT', 'ONBUILD RUN', 'ONBUILD CMD', 'ENV k', 'cmd', 'Maintainer'])
  return [...before, ...continued(random, `${random.pick(['', '', '', ' ', '\t'])}${keyword} ${words(random)}`, escape)]
}

function words(random: Random): string {
  return random.list(1, 5, () => random.pick(TEXTS)).join(random.pick([' ', ' ', '']))
}

/** The text on several lines: broken where it may be, with things in between that do not count. */
function continued(random: Random, text: string, escape: string): readonly string[] {
  const lines: string[] = []
  let rest = text
  while (rest.length > 3 && random.chance(35)) {
    // Seldom in a keyword: two escape characters there are only ever an unknown one.
    const least =
      lines.length === 0 && random.chance(90) ? Math.min(/^\s*(?:ONBUILD )?\S+ /.exec(rest)?.[0].length ?? 1, rest.length - 1) : 1
    const at = least + random.number(rest.length - least)
    const blanks = random.chance(80) ? '' : random.pick(BLANKS)
    lines.push(
      rest.slice(0, at) + random.pick([escape, escape, escape, escape, escape + escape, escape.repeat(3), `${escape} ${escape}`]) + blanks,
    )
    if (random.chance(25)) lines.push(...random.list(1, 2, () => random.pick([...COMMENTS, ...BLANKS, escape])))
    rest = rest.slice(at)
  }
  return [...lines, rest + random.pick(BLANKS) + (random.chance(3) ? escape : '')]
}

function withHeredocs(random: Random, escape: string): readonly string[] {
  const starts = random.list(1, 2, () => ({
    chomp: random.chance(30),
    word: random.pick(DELIMITERS),
    gap: random.pick(['', '', '', '', ' ', '  ']),
  }))
  const command = starts.map(({ chomp, word, gap }) => `${random.pick(['', '', 'cat ', '3'])}<<${chomp ? '-' : ''}${gap}${word}`).join(' ')
  const line = `ONBUILD ${random.pick(['RUN', 'RUN', 'COPY', 'run', 'ADD', 'CMD'])} ${command}${random.chance(30) ? ` ${words(random)}` : ''}`
  const bodies = starts.flatMap(({ chomp, word }) => {
    const name = word.replace(/["']/g, '').replace(/^\\/, '')
    const tab = chomp && random.chance(60) ? '\t' : ''
    return [
      ...random.list(0, 3, () => tab + random.pick([...TEXTS, `a${escape}`, 'USER x', name + escape, ` ${name}`, `${name} `])),
      tab + name,
    ]
  })
  return [...(random.chance(70) ? [line] : continued(random, line, escape)), ...bodies]
}
