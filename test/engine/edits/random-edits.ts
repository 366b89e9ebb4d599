import { Random } from '../../frontend/docker/random.ts'

/** A random Dockerfile over few paths, and edits of it. All of it follows from the seed. */
export interface RandomProject {
  readonly dockerfile: string
  /** Files of the context. */
  readonly files: Readonly<Record<string, string>>
  /** Arguments for a build of it that has a cache; they change nothing that a build must make. */
  readonly warmArgs: readonly string[]
  /** Arguments for any build of it. */
  readonly args: readonly string[]
}

interface Line {
  readonly text: string
}

interface Stage {
  readonly lines: Line[]
}

const NAMES = ['a', 'b', 'c', 'd']
const CONTEXT = ['f', 'g', 'dir/f', 'dir/h', 'dir/sub/f']

/** Makes a project and edits of it, one after the other. */
export function* randomEdits(seed: number, count: number): Generator<RandomProject> {
  const random = new Random(seed)
  const stages: Stage[] = Array.from({ length: 3 }, (_, index) => ({
    lines: Array.from({ length: 3 + random.number(4) }, () => randomLine(random, index)),
  }))
  const files = new Map(CONTEXT.map((path) => [path, word(random)]))
  let arg = 0
  for (let round = 0; round < count; round += 1) {
    if (round > 0) for (let edits = random.number(3); edits >= 0; edits -= 1) edit()
    yield {
      dockerfile: stages.map(textOf).join(''),
      files: Object.fromEntries(files),
      args: ['--build-arg', `NOISE=${arg}`],
      warmArgs: random.pick([
        [],
        [],
        [],
        ['--no-cache'],
        ['--no-cache-filter', `s${random.number(3)}`],
        ['--no-cache-filter', `s2:${2 + random.number(3)}`],
      ]),
    }
  }

  function edit(): void {
    const stage = random.number(stages.length)
    const lines = stages[stage]?.lines ?? []
    const at = random.number(lines.length)
    switch (random.number(7)) {
      case 0:
        files.set(random.pick(CONTEXT), word(random))
        break
      case 1:
        arg += 1
        break
      case 2:
        lines.splice(at, 1)
        if (lines.length === 0) lines.push(randomLine(random, stage))
        break
      case 3:
        // Two change places.
        lines.push(...lines.splice(at, 1))
        break
      case 4:
        lines.splice(at, 1, randomLine(random, stage))
        break
      case 5: {
        // A step that was somewhere else.
        const other = random.pick(stages.slice(0, stage + 1))
        if (other.lines.length > 0) lines.splice(at, 0, random.pick(other.lines))
        break
      }
      default:
        lines.splice(at, 0, randomLine(random, stage))
    }
  }
}

function textOf({ lines }: Stage, index: number): string {
  const head = `FROM busybox AS s${index}\nWORKDIR /w\n`
  return `${head}${lines.map(({ text }) => `${text}\n`).join('')}`
}

/** `stage`: those before it can be copied from. */
function randomLine(random: Random, stage: number): Line {
  const kind = random.number(12)
  if (kind === 0) return { text: 'ARG NOISE' }
  if (kind === 1) return { text: `ENV X=${random.number(3)}` }
  if (kind <= 3)
    return {
      text: `COPY ${random.chance(40) ? '--link ' : ''}${owner(random)}${random.pick([...CONTEXT, 'dir', 'dir/sub', 'dir/*'])} /w/${copied(random)}/`,
    }
  if (kind <= 5 && stage > 0) {
    const from = random.number(stage)
    if (random.chance(30)) {
      const mount = `--mount=type=bind,from=s${from},source=/w,target=/m`
      return { text: `RUN ${mount} cp -a /m/${random.pick(NAMES)} ${place(random)} 2>/dev/null; true` }
    }
    return { text: `COPY ${random.chance(40) ? '--link ' : ''}--from=s${from} /w /w/${copied(random)}/` }
  }
  return { text: `RUN ${Array.from({ length: 1 + random.number(3) }, () => command(random)).join('; ')}; true` }
}

function owner(random: Random): string {
  return random.chance(20) ? '--chown=1:2 --chmod=640 ' : ''
}

function place(random: Random): string {
  return random.pick(['a', 'b', 'c', 'd', 'a/a', 'a/b', 'b/a', 'b/b', 'c/a/b', 'd/c', 'n/a', 'n/a/a', 'n/f'])
}

/** Where COPY finds or makes a directory, mostly: a file in its way is an error, and nothing is compared then. */
function copied(random: Random): string {
  return random.pick(['n', 'n', 'n/a', 'n/b', 'a/n', 'b/n'])
}

function command(random: Random): string {
  const [p, q] = [place(random), place(random)]
  const quiet = '2>/dev/null'
  switch (random.number(20)) {
    case 0:
      return `rm -rf ${p}`
    case 1:
      return `mv ${p} ${q} ${quiet}`
    case 2:
      return `mkdir -p ${p} ${quiet}`
    case 3:
      return `rm -rf ${p}; mkdir -p ${p} ${quiet}`
    case 4:
      return `rm -rf ${p}; mkdir -p ${p} && echo ${word(random)} > ${p}/${random.pick(NAMES)}`
    case 5:
      return `chmod ${random.pick(['700', '755', '4755', '1777', '600'])} ${p} ${quiet}`
    case 6:
      return `chown ${random.pick(['1', '2:3', '0:0'])} ${p} ${quiet}`
    case 7:
      return `ln -s ${q} ${p} ${quiet}`
    case 8:
      return `ln ${p} ${q} ${quiet}`
    case 9:
      return `cp -a ${p} ${q} ${quiet}`
    case 10:
      // Read as a whole before the file is opened: else what is found is a matter of chance.
      return `x=$(find . | sort); echo "$x" > ${p} ${quiet}`
    case 11:
      return `x=$(find . -type f -exec cat {} + | sort); echo "$x" > ${p} ${quiet}`
    case 12:
      return `rm -rf ${p}; cp -a ${q} ${p} ${quiet}`
    case 13:
      return `test -e ${p} && rm -rf ${q}`
    case 14:
      return `test -e ${p} || mkdir -p ${q} ${quiet}`
    case 15:
      return `echo $X > ${p} ${quiet}`
    case 16:
      return `mknod ${p} c 1 3 ${quiet}`
    case 17:
      return `mv ${p} x ${quiet} && mv ${q} ${p} ${quiet}; mv x ${q} ${quiet}`
    default:
      return `echo ${word(random)} > ${p} ${quiet}`
  }
}

function word(random: Random): string {
  return random.pick(['one', 'two', 'three'])
}
