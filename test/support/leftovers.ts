import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Everything of ours that a finished command must not leave on the machine, as readable lines. Empty when clean. */
export function leftovers(storeRoot: string): readonly string[] {
  return [...mounts(storeRoot), ...cgroups(), ...processes(storeRoot), ...unfinished(storeRoot)]
}

function mounts(storeRoot: string): readonly string[] {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  return lines.filter((line) => line.includes(storeRoot)).map((line) => `mount: ${line}`)
}

/** Cgroups of containers, in whichever hierarchy; an empty parent of ours may stay. */
function cgroups(): readonly string[] {
  const root = '/sys/fs/cgroup'
  const controllers = existsSync(join(root, 'cgroup.controllers')) ? [''] : readdirSync(root)
  return controllers.flatMap((controller) => {
    const parent = join(root, controller, 'tsbuild')
    if (!existsSync(parent)) return []
    const entries = readdirSync(parent, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    return entries.map((entry) => `cgroup: ${join(parent, entry.name)}`)
  })
}

/** Processes that name the store: runners, runtimes, network helpers. */
function processes(storeRoot: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return command.includes(storeRoot) || /tsbuild-runner/.test(command) ? [`process ${pid}: ${command}`] : []
      } catch {
        return []
      }
    })
}

function unfinished(storeRoot: string): readonly string[] {
  const work = join(storeRoot, 'work')
  return existsSync(work) ? readdirSync(work).map((name) => `work directory: ${name}`) : []
}
