import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { isTsbError, type TsbError } from '../../core/error.ts'
import type { BuildPlan } from '../../core/image-plan.ts'
import { compile } from '../../frontend/index.ts'

const PLATFORM = { os: 'linux', architecture: 'amd64' }
const MEGABYTE = 1_000_000

/** [what, Dockerfile, code where it is refused] */
const INPUTS: readonly (readonly [what: string, text: string, code?: string])[] = [
  ['a line of 10 MB', `FROM scratch\nLABEL a=${'x'.repeat(10 * MEGABYTE)}`, 'TSB_DOCKERFILE_LINE_TOO_LONG'],
  ['10 MB in one instruction', `FROM scratch\nLABEL a=\\\n${`${'x'.repeat(60_000)}\\\n`.repeat(160)}x`],
  ['10 MB of variables', `FROM scratch\nARG x\nLABEL a=\\\n${`${'$x'.repeat(30_000)}\\\n`.repeat(160)}x`],
  ['a here-document of 10 MB', `FROM scratch\nRUN <<E\n${'xyz\n'.repeat(2.5 * MEGABYTE)}E\n`],
  ['one that never ends', `FROM scratch\nRUN <<E\n${'xyz\n'.repeat(2.5 * MEGABYTE)}`, 'TSB_DOCKERFILE_HEREDOC'],
  ['10,000 here-documents', `FROM scratch\nRUN cat${' <<E'.repeat(10_000)}\n${'x\nE\n'.repeat(10_000)}`],
  ['3 MB of blank lines', '\n'.repeat(3 * MEGABYTE), 'TSB_DOCKERFILE_EMPTY'],
  ['blank lines in an instruction', `FROM scratch\nRUN a \\\n${'\n'.repeat(MEGABYTE)}b`],
  ['a million comments', `${'# c\n'.repeat(MEGABYTE)}FROM scratch`],
  ['200,000 lines like directives', `${'# x=y\n'.repeat(200_000)}FROM scratch`],
  ['10,000 unknown instructions', `FROM scratch\n${'FOO a\n'.repeat(10_000)}`, 'TSB_DOCKERFILE_UNKNOWN_INSTRUCTION'],
  ['10,000 unset variables', `FROM scratch\n${many(10_000, (i) => `ENV x=$u${i}\n`)}`],
  ['10,000 triggers that fire', `FROM scratch AS a\n${'ONBUILD RUN a\n'.repeat(10_000)}FROM a`],
  ['1,000 stages, one upon the other', `FROM scratch AS a0\n${many(1_000, (i) => `FROM a${i} AS a${i + 1}\nENV a${i}=1\n`)}`],
  ['1,000 stages, each a copy of the last', `FROM scratch\n${many(1_000, (i) => `FROM scratch\nCOPY --from=${i} / /\n`)}`],
  [
    '1,000 stages in a circle',
    many(1_000, (i) => `FROM scratch AS a${i}\nCOPY --from=a${(i + 1) % 1_000} / /\n`),
    'TSB_DOCKERFILE_STAGE_ORDER',
  ],
  ['10,000 stages of one name', 'FROM scratch AS a\n'.repeat(10_000)],
  ['a stage that needs itself', 'FROM scratch AS a\nCOPY --from=a / /', 'TSB_DOCKERFILE_STAGE_CYCLE'],
  ['2,000 mounts', `FROM scratch\nRUN ${many(2_000, (i) => `--mount=target=/a${i} `)}x`],
  ['10,000 unknown flags', `FROM scratch\nCOPY ${'--a=b '.repeat(9_000)}a b`, 'TSB_DOCKERFILE_UNKNOWN_FLAG'],
  ['20,000 ports', `FROM scratch\nEXPOSE ${'80 '.repeat(20_000)}`],
  ['10,000 braces', `FROM scratch\nLABEL a=${'${a:-'.repeat(10_000)}`, 'TSB_DOCKERFILE_SUBSTITUTION'],
  ['10,000 braces that end', `FROM scratch\nLABEL a=${'${a:-'.repeat(5_000)}${'}'.repeat(5_000)}`, 'TSB_DOCKERFILE_SUBSTITUTION'],
  ['60,000 brackets', `FROM scratch\nCMD ${'['.repeat(60_000)}`],
  ['60,000 quotes', `FROM scratch\nLABEL ${'"'.repeat(60_001)}`, 'TSB_DOCKERFILE_ARGUMENTS'],
  ['60,000 backslashes', `FROM scratch\nRUN ${'\\'.repeat(60_000)}\n`],
  ['30,000 continued lines', `FROM scratch\nRUN a \\\n${'\\\n'.repeat(30_000)}`],
  [
    'patterns of 10,000 stars',
    `FROM scratch\nENV v=${'a'.repeat(30_000)}\nLABEL x=\${v#${'*a'.repeat(10_000)}b} y=\${v%%${'*a'.repeat(10_000)}b} z=\${v//*a/b}`,
  ],
  [
    'values that grow tenfold',
    `FROM scratch\nENV a=xxxxxxxxxx\n${'ENV a=$a$a$a$a$a$a$a$a$a$a\n'.repeat(9)}`,
    'TSB_DOCKERFILE_SUBSTITUTION',
  ],
  ['values that replace themselves', `FROM scratch\nENV a=xxxxxxxxxx\n${'ENV a=${a//x/$a}\n'.repeat(6)}`, 'TSB_DOCKERFILE_SUBSTITUTION'],
  ['characters that are none', `FROM scratch\nRUN b \uFFFD\nLABEL a=\uFFFD\0`],
  ['NUL in a command', `FROM scratch\nRUN a\0b`, 'TSB_DOCKERFILE_ARGUMENTS'],
  ['NUL in a variable', `FROM scratch\nENV a=\0\nRUN b`, 'TSB_DOCKERFILE_ARGUMENTS'],
  ['Windows lines', 'FROM scratch\r\nRUN a \\\r\n b\r\nENV a=b\r\n'],
  ['a byte order mark', '\uFEFFFROM scratch\nENV a=b\n'],
  ['nothing but a byte order mark', '\uFEFF', 'TSB_DOCKERFILE_EMPTY'],
]

describe('input that is too much or malformed is answered soon', () => {
  /** Milliseconds of the processor for a thousand instructions, here and now. */
  let thousand: number

  before(async () => {
    const text = `FROM scratch\n${many(1_000, (i) => `ENV a${i}="$PATH \${a${i - 1}:-x}"\nRUN echo ${i}\n`)}`
    await costOf(text)
    thousand = Math.max(10, (await costOf(text)).milliseconds)
  })

  for (const [what, text, code] of INPUTS) {
    test(what, async () => {
      const { milliseconds, error } = await costOf(text)
      // Some 50 ms for a thousand on a quiet machine, so this is a second or two there.
      assert.ok(milliseconds < thousand * 40, `${milliseconds} ms; a thousand instructions take ${thousand} ms`)
      assert.equal(error?.code, code, error?.message)
      if (error === undefined) return
      assert.ok(error.spans.length > 0, 'a place')
      assert.ok((error.hint ?? '').length > 0, 'a hint')
      assert.ok(error.message.length < 500, 'a line that can be read')
    })
  }
})

function many(count: number, make: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => make(i)).join('')
}

async function costOf(text: string): Promise<{ readonly milliseconds: number; readonly error: TsbError | undefined }> {
  const before = process.cpuUsage()
  const error = await compileText(text).then(
    () => undefined,
    (reason: unknown) => {
      if (!isTsbError(reason) || reason.fault !== 'input') throw reason
      return reason
    },
  )
  const { user, system } = process.cpuUsage(before)
  return { milliseconds: (user + system) / 1000, error }
}

function compileText(text: string): Promise<BuildPlan> {
  const request = { platform: PLATFORM, buildPlatform: PLATFORM, buildArgs: new Map(), labels: [], noCache: false, contexts: new Map() }
  return compile({ ...request, dockerfile: { name: 'Dockerfile', text }, ignore: undefined }, () => Promise.reject(new Error('no image')))
}
