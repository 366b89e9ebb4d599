import { run, timeCommand } from '../gauge.mjs'
import { BASE, RESULT } from './names.mjs'

/** Tells our images from others', so that those of earlier rounds, which lost their name, are found too. */
const LABEL = `tsbuild-bench=${process.pid}`

/** The engine that DOCKER_HOST leads to, with its own BuildKit. Its images and cache are shared with whoever else uses it. */
export function openDocker(_, base) {
  const before = cacheRecords()
  const build = (tag, context) => ['docker', 'buildx', 'build', '--quiet', '--load', '--provenance=false', '-t', tag, context]
  const labelled = (context) => [...build(RESULT, context), '--label', LABEL]
  const reset = () => {
    removeImages(`label=${LABEL}`)
    pruneRecords(before)
  }
  run(build(BASE, base))
  return {
    name: 'docker',
    version: run(['docker', 'version', '--format', '{{.Server.Version}}']).trim(),
    build: (context) => withoutPeak(timeCommand(labelled(context))),
    archives: ['gzip'],
    // Its image store knows no compressed archives: `save` writes a plain tar, which users pipe through gzip.
    archive: (_context, _compression, file) => withoutPeak(timeCommand(['sh', '-c', 'docker save "$1" | gzip >"$2"', 'sh', RESULT, file])),
    reset,
    close: () => {
      removeImages(`label=${LABEL}`)
      removeImages(`reference=${BASE}`)
      pruneRecords(before)
    },
  }
}

/** Those too whose name went to a later build. */
function removeImages(filter) {
  const ids = run(['docker', 'images', '--quiet', '--no-trunc', '--filter', filter]).split('\n').filter(Boolean)
  if (ids.length > 0) run(['docker', 'rmi', '--force', ...new Set(ids)])
}

/** The client's memory says nothing about the daemon's. */
function withoutPeak({ milliseconds }) {
  return { milliseconds }
}

/** @returns {Set<string>} the ids of the build cache */
function cacheRecords() {
  const lines = run(['docker', 'buildx', 'du', '--format', 'json']).split('\n')
  return new Set(lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line).ID))
}

/** Removes what was not there before. A parent can go only after its children: again, until nothing more goes. */
function pruneRecords(before) {
  for (let left = Number.POSITIVE_INFINITY; ; ) {
    const ours = [...cacheRecords()].filter((id) => !before.has(id))
    if (ours.length === 0 || ours.length >= left) return
    left = ours.length
    run(['docker', 'buildx', 'prune', '--force', '--all', '--filter', `id~=^(${ours.join('|')})$`])
  }
}
