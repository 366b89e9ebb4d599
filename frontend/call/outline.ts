import type { SourceFile, Span } from '../../core/span.ts'
import { type Analysed, analyse } from '../analyse.ts'
import type { StageState } from '../lower/state.ts'
import type { CompileRequest, ResolveImage } from '../types.ts'
import { describe } from './describe.ts'
import { type GlobalArg, globalArgs, withDependencies } from './global-args.ts'

/** What `--call=outline` tells: what the target can be given, and by the stages that it needs. */
export interface Outline {
  readonly file: SourceFile
  /** Of the target; empty when it has none. */
  readonly name: string
  readonly description: string
  readonly args: readonly OutlineArg[]
  readonly secrets: readonly OutlineRequest[]
  readonly ssh: readonly OutlineRequest[]
}

export interface OutlineArg {
  readonly name: string
  readonly description: string
  /** With the build arguments that were given; empty when it has none. */
  readonly value: string
  readonly within: Span
}

/** A secret, or an SSH agent. */
export interface OutlineRequest {
  readonly name: string
  readonly required: boolean
  readonly within: Span
}

/** Outlines the target. @throws TsbError as `compile` does, but for findings of build checks */
export async function outline(request: CompileRequest, resolveImage: ResolveImage): Promise<Outline> {
  const { problems, analysed } = await analyse(request, resolveImage, false)
  problems.throwIfAny()
  const collector = new Collector(analysed as Analysed, request)
  const { from, index } = (analysed as Analysed).target
  collector.visit(index)
  return {
    file: request.dockerfile,
    name: from.name,
    description: describe(from.raw, from.name),
    args: collector.args.sort(byLine),
    secrets: collector.secrets.sort(byLine),
    ssh: collector.ssh.sort(byLine),
  }
}

/** Goes through a stage, what it stands on, and what it takes files from; of two things with one name the first counts. */
class Collector {
  readonly args: OutlineArg[] = []
  readonly secrets: OutlineRequest[] = []
  readonly ssh: OutlineRequest[] = []
  readonly #analysed: Analysed
  readonly #globals: ReadonlyMap<string, GlobalArg>
  readonly #visited = new Set<number>()

  constructor(analysed: Analysed, { buildArgs }: CompileRequest) {
    this.#analysed = analysed
    this.#globals = globalArgs(analysed, buildArgs)
  }

  visit(index: number): void {
    const resolved = this.#analysed.resolved.get(index)
    const state = this.#analysed.states.get(index)
    if (resolved === undefined || state === undefined || this.#visited.has(index)) return
    this.#visited.add(index)
    this.#addArgs(index, state)
    for (const { raw, mount } of state.mounts) {
      if (mount.kind !== 'secret' && mount.kind !== 'ssh') continue
      const list = mount.kind === 'secret' ? this.secrets : this.ssh
      if (!list.some(({ name }) => name === mount.id)) list.push({ name: mount.id, required: mount.required, within: raw.span })
    }
    if (resolved.base.kind === 'stage') this.visit(resolved.base.index)
    for (const source of resolved.sources.values()) if (source.kind === 'stage') this.visit(source.index)
  }

  #addArgs(index: number, state: StageState): void {
    const own = new Map<string, OutlineArg>()
    const used = new Set(this.#analysed.froms.get(index)?.used)
    for (const arg of state.args.slice(state.inheritedArgs)) {
      const { name, raw, value = '' } = arg
      used.add(name)
      // One without a value of its own is the global one.
      if (!arg.isGlobal) own.set(name, { name, description: describe(raw, name), value, within: raw.span })
    }
    for (const name of withDependencies(used, this.#globals)) {
      const arg = own.get(name) ?? this.#globals.get(name)
      if (arg === undefined || this.args.some((other) => other.name === name)) continue
      const { description, value, within } = arg
      this.args.push({ name, description, value, within })
    }
  }
}

function byLine(a: { readonly within: Span }, b: { readonly within: Span }): number {
  return a.within.start.line - b.within.start.line
}
