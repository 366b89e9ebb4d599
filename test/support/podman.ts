import { readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { mustRun, runProcess } from './process.ts'

const CGROUPS = '/sys/fs/cgroup'

/** Podman on a store of its own, with nothing of it left on the machine after `close`. */
export interface Podman extends AsyncDisposable {
  /** @returns the name under which the image was loaded */
  load(archive: string): Promise<string>
  /** Runs to its end on the host's network. @returns standard output; another exit code than 0 is an error */
  run(image: string, args: readonly string[]): Promise<string>
}

/** @param folder an empty folder for its store */
export function openPodman(folder: string): Podman {
  const parent = `tsbuild-podman-${process.pid}`
  const store = ['--root', join(folder, 'storage'), '--runroot', join(folder, 'run'), '--runtime', 'runc', '--cgroup-manager', 'cgroupfs']
  // Its own default limits are higher than what a container without CAP_SYS_RESOURCE may ask for.
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024']
  const place = ['--network', 'host', '--cgroups', 'no-conmon', '--cgroup-parent', `/${parent}`]
  return {
    load: async (archive) => {
      const loaded = await mustRun('podman', [...store, 'load', '--quiet', '--input', archive])
      return /^Loaded image: (\S+)$/m.exec(loaded)?.[1] ?? ''
    },
    run: (image, args) => mustRun('podman', [...store, 'run', '--rm', ...place, ...limits, image, ...args]),
    [Symbol.asyncDispose]: async () => {
      await runProcess('podman', [...store, 'system', 'reset', '--force'])
      removeCgroup(parent)
    },
  }
}

/** Podman leaves the parent that it made: one folder, or one a controller with cgroup v1. */
function removeCgroup(name: string): void {
  for (const folder of [CGROUPS, ...readdirSync(CGROUPS).map((controller) => join(CGROUPS, controller))]) {
    try {
      rmdirSync(join(folder, name))
    } catch {
      // Not a hierarchy, or none of ours in it.
    }
  }
}
