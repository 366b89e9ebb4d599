/**
 * A random tree to copy from (`src`, in a stage), one to copy onto (`base`), and COPY instructions, each of which is tried on `base`
 * by itself. All of it follows from the seed.
 */
export interface RandomCopies {
  /** Makes both trees in the folder where it runs. */
  readonly script: string
  readonly lines: readonly string[]
  /** Where `base` is. Each seed has a place of its own: layers of equal copies may stand in for each other, with other times. */
  readonly top: string
}

const NAMES = ['a', 'b', 'c', 'x.txt', 'y.txt', 'z.md', '.h']
const FILE_MODES = ['644', '600', '755', '4755', '666']
const DIRECTORY_MODES = ['755', '700', '2755', '1777']
const MODES = ['644', '4711', '0', 'u=rwX,go=rX', 'a+x', 'go-rwx', 'g=u,o=', '+X', 'u+s,o+t', 'a-x+X']
const LINKS = [...NAMES, '..', '../a', '/a', '/a/b', 'nowhere']
const OWNERS = ['1', '2:3', '0:7']
const PATTERNS = ['*.txt', 'a', '**/x.txt', 'a/b', '!a/b', '*', '!*.md', 'b/**', '**/a', '!**/b', '.h', '?.*', '[a-b]']

/** @param newer with `--parents`, which only a newer BuildKit knows */
export function randomCopies(seed: number, count: number, newer: boolean): RandomCopies {
  const random = new Random(seed)
  const source = randomTree(random, 'src', 14, LINKS)
  // Where a link leads to a link to nothing, BuildKit makes a directory twice.
  const base = randomTree(random, 'base', 10, ['..', 'nowhere', '/nowhere/deep', '/'])
  // What Docker needs itself is not part of the context.
  const hidden = "printf 'Dockerfile\\n.dockerignore\\n' > .dockerignore"
  const script = [hidden, ...source.commands, ...base.commands].join('\n')
  const top = `/t${seed}`
  const places = base.paths.map((path) => path.replace(/^base/, ''))
  const lines = Array.from({ length: count }, () => randomLine(random, source.paths, top, places, newer))
  return { script: `${script}\n`, lines: [...new Set(lines)], top }
}

/** A Dockerfile that carries out each line in a stage of its own, `l0` and so on, and gathers what came of the lines in `taken`. */
export function dockerfileOf({ top, lines }: Pick<RandomCopies, 'top' | 'lines'>, taken: readonly number[]): string {
  const stages = lines.map((line, index) => `FROM base AS l${index}\n${line}\n`)
  const gathered = taken.map((index) => `COPY --from=l${index} / /${index}/\n`)
  return `FROM scratch AS base\nCOPY base ${top}/\nFROM scratch AS src\nCOPY . /\n${stages.join('')}FROM scratch\n${gathered.join('')}`
}

function randomLine(random: Random, sources: readonly string[], top: string, places: readonly string[], newer: boolean): string {
  const flags: string[] = []
  const parents = newer && random.chance(0.4)
  flags.push('--from=src')
  if (parents) flags.push('--parents')
  // A newer BuildKit lays the layer over whatever is there, which we do where it makes no difference.
  if (!newer && random.chance(0.2)) flags.push('--link')
  if (random.chance(0.3)) flags.push(`--chown=${random.pick(OWNERS)}`)
  if (random.chance(0.3)) flags.push(`--chmod=${random.pick(MODES)}`)
  if (random.chance(0.4)) for (let i = random.below(3); i >= 0; i--) flags.push(`--exclude=${random.pick(PATTERNS)}`)
  const count = random.chance(0.7) ? 1 : 2
  const paths = Array.from({ length: count }, () => randomSource(random, sources, parents))
  return ['COPY', ...flags, ...paths, top + randomPlace(random, places)].join(' ')
}

function randomSource(random: Random, sources: readonly string[], parents: boolean): string {
  const names = random.pick(['src', ...sources]).split('/')
  // The first two stay, so that there is something to find.
  const wild = names.map((name, index) =>
    index < 2 || random.chance(0.75) ? name : random.pick(['*', '?', '[a-c]*', '*.txt', `${name.slice(0, 1)}*`]),
  )
  if (parents && random.chance(0.3)) wild.push(random.pick(['**', '**/x.txt', '*', '**/a']))
  const path = wild.join('/')
  const pivot = parents && random.chance(0.5) ? path.replace('/', '/./') : path
  return random.pick([pivot, pivot, `./${pivot}`, `/${pivot}`, `${pivot}/`])
}

function randomPlace(random: Random, places: readonly string[]): string {
  const path = random.chance(0.5) ? random.pick(places) : random.pick(['/new', '/new/deep', '/a/new', '/'])
  return path + random.pick(['', '/', '/', '/more', '/.', '/more/'])
}

function randomTree(
  random: Random,
  top: string,
  size: number,
  links: readonly string[],
): { readonly commands: readonly string[]; readonly paths: readonly string[] } {
  const directories = [top]
  const files: string[] = []
  const paths: string[] = []
  const commands = [`mkdir ${top}`]
  for (let i = 0; i < size; i++) {
    const path = `${random.pick(directories)}/${random.pick(NAMES)}`
    if (paths.includes(path)) continue
    paths.push(path)
    const kind = random.below(10)
    if (kind < 4 && path.split('/').length < 5) {
      directories.push(path)
      commands.push(`mkdir ${path}`)
    } else if (kind === 4) commands.push(`ln -s ${random.pick(links)} ${path}`)
    else if (kind === 5 && files.length > 0) commands.push(`ln ${random.pick(files)} ${path}`)
    else {
      files.push(path)
      commands.push(`echo ${path} > ${path}; chmod ${random.pick(FILE_MODES)} ${path}`)
    }
  }
  // Last, since nobody but root could write to some of them.
  return { commands: [...commands, ...directories.slice(1).map((path) => `chmod ${random.pick(DIRECTORY_MODES)} ${path}`)], paths }
}

/** Mulberry32. */
class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  chance(share: number): boolean {
    return this.next() < share
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }
}
