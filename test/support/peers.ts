import { type Finished, runProcess } from './process.ts'

/** Another tool of the trade, to check our output with. */
export interface Peer {
  run(args: readonly string[]): Promise<Finished>
  /** How the tool must be told a path of ours. */
  path(local: string): string
}

/**
 * Finds `skopeo`, `umoci` or `podman`: on this machine, or, where TSBUILD_PEERS names a program, through
 * `$TSBUILD_PEERS exec TOOL …` in a root of its own that has ours below `/host`.
 * @returns a sentence why there is none, for the test to skip with.
 */
export async function findPeer(tool: string): Promise<Peer | string> {
  const peers = process.env['TSBUILD_PEERS']
  const peer: Peer =
    peers === undefined
      ? { run: (args) => runProcess(tool, args), path: (local) => local }
      : { run: (args) => runProcess(peers, ['exec', tool, ...args]), path: (local) => `/host${local}` }
  const found = await peer.run(['--version']).catch(() => undefined)
  return found?.code === 0 ? peer : `\`${tool}\` is not installed (TSBUILD_PEERS can name a program that has it)`
}
