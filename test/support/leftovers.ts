import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Everything of ours that a finished command must not leave on the machine, as readable lines. Empty when clean. */
export async function leftovers(storeRoot: string): Promise<readonly string[]> {
  return [...remains(storeRoot), ...(await cgroups())]
}

/** The same without cgroups, for which those of others must be waited for. */
export function remains(storeRoot: string): readonly string[] {
  return [...mounts(storeRoot), ...processesOf(storeRoot), ...unfinished(storeRoot)]
}

function mounts(storeRoot: string): readonly string[] {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  return lines.filter((line) => line.includes(storeRoot)).map((line) => `mount: ${line}`)
}

/** Cgroups of containers that have no process and do not go away by themselves: those of other running tests do, killed ones too. */
async function cgroups(): Promise<readonly string[]> {
  let found = emptyCgroups()
  for (let tries = 0; found.length > 0 && tries < 8; tries += 1) {
    await sleep(500)
    const again = new Set(emptyCgroups())
    found = found.filter((path) => again.has(path))
  }
  return found.map((path) => `cgroup: ${path}`)
}

function emptyCgroups(): readonly string[] {
  const root = '/sys/fs/cgroup'
  const hierarchies = existsSync(join(root, 'cgroup.controllers')) ? [root] : readdirSync(root).map((name) => join(root, name))
  return hierarchies.flatMap((hierarchy) =>
    readdirSync(hierarchy, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name.startsWith('tsbuild'))
      .map((entry) => join(hierarchy, entry.name))
      .filter((path) => textOf(join(path, 'cgroup.procs')) === ''),
  )
}

/** Processes that name the store, in their arguments, their environment or their mounts: runners, runtimes, containers. */
export function processesOf(storeRoot: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => ['cmdline', 'environ', 'mountinfo'].some((file) => textOf(`/proc/${pid}/${file}`)?.includes(storeRoot)))
    .map((pid) => `process ${pid}: ${(textOf(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ')}`)
}

function unfinished(storeRoot: string): readonly string[] {
  const work = join(storeRoot, 'work')
  return existsSync(work) ? readdirSync(work).map((name) => `work directory: ${name}`) : []
}

/** What stands in a file, or nothing when it went away meanwhile. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}
