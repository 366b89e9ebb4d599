import type { Analysed } from '../analyse.ts'
import { expand } from '../expand.ts'
import { describe } from './describe.ts'
import type { OutlineArg } from './outline.ts'

/** An ARG before the first FROM, and the names that its default was expanded from. */
export interface GlobalArg extends OutlineArg {
  readonly uses: ReadonlySet<string>
}

/** The global arguments with their final values; of two with one name the later counts. One that is `given` needs no default. */
export function globalArgs({ program, globals }: Analysed, given: ReadonlyMap<string, string>): ReadonlyMap<string, GlobalArg> {
  const found = new Map<string, GlobalArg>()
  for (const { raw, args } of program.globalArgs) {
    for (const { name, value } of args) {
      const uses = new Set<string>()
      if (value !== undefined && !given.has(name)) expand(value, (used) => uses.add(used) && globals.get(used), { escape: raw.escape })
      // A default made of its own earlier value needs what that needed.
      if (uses.delete(name)) for (const used of found.get(name)?.uses ?? []) uses.add(used)
      found.set(name, { name, description: describe(raw, name), value: globals.get(name) ?? '', within: raw.span, uses })
    }
  }
  return found
}

/** `names` with everything that their defaults need. */
export function withDependencies(names: ReadonlySet<string>, globals: ReadonlyMap<string, GlobalArg>): ReadonlySet<string> {
  const all = new Set<string>()
  const pending = [...names]
  for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
    if (all.has(name)) continue
    all.add(name)
    pending.push(...(globals.get(name)?.uses ?? []))
  }
  return all
}
