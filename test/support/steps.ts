import type { Tsbuild } from './tsbuild.ts'

/** What a build did, step by step, in the order in which the steps stand in the graph. */
export interface BuiltSteps {
  /** Names of the steps whose earlier result was used. */
  readonly cached: readonly string[]
  /** Names of the steps that ran. */
  readonly ran: readonly string[]
  /** Of those that ran, the ones whose output was what it had been: what is told of it, by name. */
  readonly unchanged: ReadonlyMap<string, string>
}

interface Status {
  readonly vertexes?: readonly Vertex[]
  readonly statuses?: readonly { readonly id: string; readonly vertex: string }[]
}

interface Vertex {
  readonly digest: string
  readonly name: string
  readonly started?: string
  readonly completed?: string
  readonly cached?: boolean
}

/** Builds with `--progress rawjson` and reads what came of each step. Work outside the graph is left out. */
export async function buildSteps(
  tsbuild: Tsbuild,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<BuiltSteps> {
  const { code, stderr } = await tsbuild.run(['build', '--progress', 'rawjson', ...args], { env })
  if (code !== 0) throw new Error(`the build ended with ${code}\n${stderr.slice(-4000)}`)
  const steps = new Map<string, Vertex>()
  const notes = new Map<string, string>()
  for (const line of stderr.split('\n')) {
    const { vertexes = [], statuses = [] }: Status = line.startsWith('{') ? JSON.parse(line) : {}
    for (const vertex of vertexes) steps.set(vertex.digest, vertex)
    for (const { id, vertex } of statuses) if (id.startsWith('re-ran')) notes.set(steps.get(vertex)?.name ?? '', id)
  }
  const done = [...steps.values()].filter(({ name, completed }) => /^\[(?!internal)/.test(name) && completed !== undefined)
  return {
    cached: done.filter(({ cached }) => cached === true).map(({ name }) => name),
    ran: done.filter(({ cached }) => cached !== true).map(({ name }) => name),
    unchanged: notes,
  }
}
