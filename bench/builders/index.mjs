import { spawnSync } from 'node:child_process'
import { openBuildah } from './buildah.mjs'
import { openDocker } from './docker.mjs'
import { openTsbuild } from './tsbuild.mjs'

/** @typedef {{ milliseconds: number, peakKiB?: number }} Timed `peakKiB` where the work is done by the command, not by a daemon */
/**
 * @typedef {object} Builder
 * @property {string} name
 * @property {string} version
 * @property {(context: string) => Timed} build makes the image of a context and keeps it
 * @property {string[]} archives compressions that `archive` knows
 * @property {(context: string, compression: 'gzip' | 'zstd', file: string) => Timed} archive writes what `build` kept to a file
 * @property {() => void} reset nothing of what it built or pulled is left, but for the base
 * @property {() => void} close leaves nothing
 */

const PEERS = {
  docker: { open: openDocker, probe: ['docker', 'version', '--format', '{{.Server.Version}}'] },
  buildah: { open: openBuildah, probe: ['buildah', '--version'] },
}

/**
 * tsbuild and those peers that answer, each with the base in its store.
 * @param {string} peers names with commas between, or `none`
 * @param {string} place a folder for their stores
 * @param {string} base a context whose image is the base
 * @returns {Builder[]} tsbuild first
 */
export function openBuilders(peers, place, base) {
  const opened = [openTsbuild(place, base)]
  for (const name of peers === 'none' ? [] : peers.split(',')) {
    const peer = PEERS[name]
    if (peer === undefined) throw new RangeError(`--peers ${name}: docker, buildah or none`)
    const [command, ...args] = peer.probe
    if (spawnSync(command, args, { stdio: 'ignore' }).status === 0) opened.push(peer.open(place, base))
    else console.error(`\`${peer.probe.join(' ')}\` does not answer: without ${name}`)
  }
  return opened
}
