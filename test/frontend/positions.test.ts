import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Span } from '../../core/span.ts'
import { parseFile } from '../../frontend/parse.ts'
import type { RawInstruction } from '../../frontend/source.ts'

const parse = (text: string): readonly RawInstruction[] => parseFile({ name: 'Dockerfile', text }).instructions
const show = ({ start, end }: Span): string => `${start.line}:${start.column}-${end.line}:${end.column}`

/** What each instruction is, and where: the differences between dockerfile-ast and BuildKit that the adapter knows. */
const TABLE: readonly (readonly [name: string, text: string, expected: readonly string[]])[] = [
  ['a doubled escape does not continue', 'FROM a\nLABEL x=b\\\\\nUSER c', ['1:1-1:7 FROM a', '2:1-2:12 LABEL x=b\\\\', '3:1-3:7 USER c']],
  ['an escape after an escaped blank', 'RUN a\\ \\\n  b\nUSER c', ['1:1-2:4 RUN a\\   b', '3:1-3:7 USER c']],
  ['a here-document with a descriptor', 'RUN 3<<EOF\nUSER x\nEOF\nUSER c', ['1:1-3:4 RUN 3<<EOF', '4:1-4:7 USER c']],
  ['a partly quoted delimiter', 'RUN <<E"O"F\nUSER x\nEOF\nUSER c', ['1:1-3:4 RUN <<E"O"F', '4:1-4:7 USER c']],
  ['no here-document in JSON', 'RUN ["a", "<<EOF"]\nUSER c', ['1:1-1:19 RUN ["a", "<<EOF"]', '2:1-2:7 USER c']],
  ['tabs count where only a neighbour is chomped', 'RUN <<-A <<B\n\tA\n\tB\nB\nUSER c', ['1:1-4:2 RUN <<-A <<B', '5:1-5:7 USER c']],
  ['an unknown directive ends directives', '# a=b\n# escape=`\nRUN a \\\n  b', ['3:1-4:4 RUN a   b']],
  ['a byte order mark', '\uFEFFFROM a\nUSER c', ['1:1-1:7 FROM a', '2:1-2:7 USER c']],
  ['vertical white space', 'FROM\fa\nUSER\vc', ['1:1-1:7 FROM\fa', '2:1-2:7 USER\vc']],
  ['comments behind a last continuation', 'RUN a \\\n# x\n# y', ['1:1-1:8 RUN a']],
  ['comments and blanks inside', 'RUN a \\\n# x\n\n  b\nUSER c', ['1:1-4:4 RUN a   b', '5:1-5:7 USER c']],
  ['a keyword in two parts', 'FR\\\nOM a\nUSER c', ['1:1-2:5 FROM a', '2:1', '3:1-3:7 USER c'].filter((_, i) => i !== 1)],
  ['carriage returns', 'FROM a\r\nRUN b \\\r\n  c\r\nUSER d\r\n', ['1:1-1:7 FROM a', '2:1-3:4 RUN b   c', '4:1-4:7 USER d']],
  ['indentation', '  FROM a\n\tUSER c', ['1:3-1:9 FROM a', '2:2-2:8 USER c']],
  ['an escape at the end of the file', 'FROM a\nRUN b \\', ['1:1-1:7 FROM a', '2:1-2:8 RUN b']],
]

for (const [name, text, expected] of TABLE) {
  test(name, () =>
    assert.deepEqual(
      parse(text).map((raw) => `${show(raw.span)} ${raw.text}`),
      expected,
    ),
  )
}

/** [Dockerfile, instruction, part, place]: parts where the library's own structure would lead astray. */
const PARTS: readonly (readonly [text: string, index: number, part: string, place: string])[] = [
  ['# a=b\n# escape=`\nRUN a \\\n  b', 0, 'b', '4:3-4:4'],
  ['# a=b\n# escape=`\nLABEL a`$v', 0, '$v', '3:9-3:11'],
  ['FROM a\nLABEL x=b\\\\\nUSER c', 2, 'c', '3:6-3:7'],
  ['FROM a\nLABEL x=b\\\\\nUSER c', 1, 'c', '2:1-2:12'],
  ['RUN 3<<EOF\nUSER x\nEOF\nUSER c', 1, 'c', '4:6-4:7'],
  ['RUN 3<<EOF\nUSER x\nEOF\nUSER c', 0, 'x', '1:1-3:4'],
  ['RUN ["a", "<<EOF"]\nUSER c', 0, '<<EOF', '1:11-1:19'],
  ['RUN ["a", "<<EOF"]\nUSER c', 1, 'c', '2:6-2:7'],
  ['RUN a\\ \\\n  b\nUSER c', 1, 'c', '3:6-3:7'],
  ['\uFEFFFROM a', 0, 'a', '1:6-1:7'],
  ['  ENV a=$b', 0, '$b', '1:9-1:11'],
  ['ARG x\n  ARG a=$b\nFROM c', 1, '$b', '2:9-2:11'],
  ['\\\n ENV a=$b', 0, '$b', '1:1-2:10'],
  ['FROM a\nUSER\vc', 1, 'c', '2:6-2:7'],
  ['FROM a\r\nUSER c\r\n', 1, 'c', '2:6-2:7'],
]

for (const [text, index, part, place] of PARTS) {
  test(`${JSON.stringify(text)} has ${part} at ${place}`, () => {
    const raw = parse(text)[index]
    assert.ok(raw)
    assert.equal(show(part.startsWith('$') ? raw.places.variable(part.slice(1)) : raw.places.word(part)), place)
  })
}

test('parts of an instruction are found, also on continued lines', () => {
  const [raw] = parse('COPY --chown=a \\\n   --from=b "x" \\\n  $y ${z:-1} /d')
  assert.ok(raw)
  assert.deepEqual(
    [raw.places.keyword(), raw.places.word('--from'), raw.places.word('--from=b'), raw.places.word('/d'), raw.places.variable('z')].map(
      show,
    ),
    ['1:1-1:5', '2:4-2:12', '2:4-2:12', '3:14-3:16', '3:6-3:13'],
  )
})

test('what cannot be found is the whole instruction', () => {
  const [raw] = parse('COPY a b')
  assert.ok(raw)
  assert.deepEqual([show(raw.places.word('nowhere')), show(raw.places.variable('v'))], ['1:1-1:9', '1:1-1:9'])
})

test('flags, rest and here-documents', () => {
  const [raw] = parse('RUN --a="b c" --d -- --e <<-"X" y\n\tbody\r\n\tX\n')
  assert.ok(raw)
  assert.deepEqual(raw.flags, ['--a=b c', '--d'])
  assert.equal(raw.rest, '--e <<-"X" y')
  assert.deepEqual(raw.heredocs, [{ name: 'X', expand: false, chomp: true, body: '\tbody\r\n' }])
})
