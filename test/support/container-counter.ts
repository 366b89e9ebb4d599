import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mustRun } from './process.ts'

/** An OCI runtime that counts: each container that it starts is a line in a file. */
export interface ContainerCounter extends AsyncDisposable {
  /** What the tested process needs in its environment. */
  readonly env: { readonly TSBUILD_RUNTIME: string }
  /** Containers started since the last time this was asked. */
  take(): Promise<number>
}

/** Puts a script in front of runc. It counts what is really started, whatever tsbuild says of itself. */
export async function countContainers(): Promise<ContainerCounter> {
  const folder = await mkdtemp(join(tmpdir(), 'tsbuild-runtime-'))
  const [script, log] = [join(folder, 'runc'), join(folder, 'started')]
  const runc = (await mustRun('sh', ['-c', 'PATH=$PATH:/usr/sbin:/sbin command -v runc'])).trim()
  const text = `#!/bin/sh\nfor word; do case "$word" in run|create) echo "$word" >>'${log}'; break ;; esac; done\nexec ${runc} "$@"\n`
  await writeFile(script, text)
  await chmod(script, 0o755)
  await writeFile(log, '')
  return {
    env: { TSBUILD_RUNTIME: script },
    take: async () => {
      const started = (await readFile(log, 'utf8')).split('\n').length - 1
      await writeFile(log, '')
      return started
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}
