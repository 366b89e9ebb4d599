import type { GitOp, HttpOp } from '../../core/op.ts'
import type { Driver, Executed } from '../../solver/driver.ts'
import { type Building, contextHost } from '../building.ts'
import { remoteWork } from '../contexts/remote.ts'
import type { FetchedTree } from '../remote/keep.ts'
import type { StepResult } from './result.ts'

/** A file of the web: asked for in every build, by what earlier ones know of it. */
export function httpDriver(building: Building): Driver<HttpOp, StepResult> {
  return {
    // Fetching keeps records of its own: what a URL has now is not known before.
    recorded: false,
    facts: (op) => ({ ...op }),
    kin: (op) => ({ ...op }),
    trees: () => [],
    inputDigests: async () => [],
    execute: async ({ url, name, checksum }, _inputs, execution) => {
      const { fetchHttp, fileForm } = await import('../remote/http.ts')
      const source = { url, ...(checksum === undefined ? {} : { checksum }), ...fileForm(name) }
      return executed(await fetchHttp(await remoteWork(contextHost(building), execution), source))
    },
    revive: async () => undefined,
  }
}

/** The files of a git repository: its ref is looked up in every build. */
export function gitDriver(building: Building): Driver<GitOp, StepResult> {
  return {
    recorded: false,
    facts: (op) => ({ ...op }),
    kin: (op) => ({ ...op }),
    trees: () => [],
    inputDigests: async () => [],
    execute: async (op, _inputs, execution) => {
      const { fetchGit } = await import('../remote/git.ts')
      return executed(await fetchGit(await remoteWork(contextHost(building), execution), op))
    },
    revive: async () => undefined,
  }
}

/** A tree that was fetched, as a step's result. */
export function executed({ snapshot, reused }: FetchedTree): Executed<StepResult> {
  return { result: { kind: 'root', snapshot }, stored: '', layers: [], reused }
}
