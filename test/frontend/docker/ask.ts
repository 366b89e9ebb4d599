import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { ContainerConfig } from '../../../core/manifest.ts'
import { findOracle } from '../../support/oracle.ts'
import { BUSYBOX_ROOT } from '../../support/paths.ts'
import { runProcess } from '../../support/process.ts'
import { type Accepted, BASE, type Question, summarise } from './question.ts'

/** The real Docker, for what Dockerfiles mean. */
export interface Docker extends AsyncDisposable {
  /** What it makes of a file; the message where it refuses. */
  ask(question: Question): Promise<Accepted | string>
}

interface Inspected {
  readonly Config: ContainerConfig
  readonly Author?: string
}

/** The Docker that DOCKER_HOST leads to, with the base that questions may build on. Leaves no image behind. */
export async function openDocker(): Promise<Docker> {
  const oracle = await findOracle()
  if (typeof oracle === 'string') throw new Error(oracle)
  await oracle.docker(['import', BUSYBOX_ROOT, BASE])
  const folder = await mkdtemp(join(tmpdir(), 'tsbuild-language-'))
  const context = join(folder, 'context')
  await mkdir(context)
  const images = new Set<string>()
  let count = 0
  return {
    async ask(question) {
      const dockerfile = join(folder, `${count++}.dockerfile`)
      await writeFile(dockerfile, question.dockerfile)
      const args = [...(question.args ?? []), '--provenance=false', '--quiet', '--file', dockerfile, context]
      const { code, stdout, stderr } = await runProcess('docker', ['build', ...args])
      await rm(dockerfile)
      if (code !== 0)
        return (
          stderr
            .trim()
            .split('\n')
            .findLast((line) => line.startsWith('ERROR')) ?? stderr
        )
      const id = stdout.trim()
      images.add(id)
      const image = (await get(`/images/${id}/json`)) as Inspected
      const history = (await get(`/images/${id}/history`)) as readonly { readonly CreatedBy: string }[]
      return summarise(image.Config, image.Author ?? '', history.map((entry) => entry.CreatedBy).reverse())
    },
    async [Symbol.asyncDispose]() {
      // Several questions may have had one answer, and images stand on each other.
      for (const id of images) await runProcess('docker', ['rmi', '--force', id])
      await runProcess('docker', ['rmi', '--force', BASE])
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Asks the engine itself: the client writes tabs as blanks. */
function get(path: string): Promise<unknown> {
  const { DOCKER_HOST: host = 'unix:///var/run/docker.sock' } = process.env
  return new Promise((resolve, reject) => {
    const ask = request({ socketPath: host.replace(/^unix:\/\//, ''), path }, (answer) => {
      buffer(answer).then((body) => resolve(JSON.parse(body.toString())), reject)
    })
    ask.on('error', reject)
    ask.end()
  })
}
