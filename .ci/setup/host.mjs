import { findProgram, outputOf, run, SetupError } from './step.mjs'

/** Programs of the host by the Debian package that brings them. */
const NEEDED = { runc: 'runc', pasta: 'passt', python3: 'python3', make: 'make', 'c++': 'g++' }

/** What only tests use; where one is missing, the tests that want it say so and are skipped. */
const FOR_TESTS = {
  'docker-registry': 'docker-registry',
  mmdebstrap: 'mmdebstrap',
  skopeo: 'skopeo',
  umoci: 'umoci',
  podman: 'podman',
  git: 'git',
}

/**
 * Installs what the host lacks, when that is ours to do (root, apt). Otherwise says what to install.
 * @throws SetupError when something that tsbuild itself needs is still missing
 */
export function installHostTools(forTests) {
  installMissing(NEEDED)
  const needed = missing(NEEDED)
  if (needed.length > 0)
    throw new SetupError(`missing on this machine: ${needed.join(', ')}`, `install them, on Debian: ${command(needed)}`)
  if (!forTests) return
  installMissing(FOR_TESTS)
  const wanted = missing(FOR_TESTS)
  if (wanted.length > 0) console.error(`setup: without ${wanted.join(', ')} some tests are skipped; on Debian: ${command(wanted)}`)
}

function command(packages) {
  return `apt-get install -y --no-install-recommends ${packages.join(' ')}`
}

function missing(programs) {
  return Object.entries(programs)
    .filter(([program]) => findProgram(program) === undefined)
    .map(([, name]) => name)
}

/** A failure is printed by apt itself; what it means is judged by what is missing afterwards. */
function installMissing(programs) {
  const packages = missing(programs)
  if (packages.length === 0 || process.getuid() !== 0 || findProgram('apt-get') === undefined) return
  // Lists that are absent, or of yesterday, name files that the mirror does not have.
  if (!packages.every(isKnown) || !apt(packages)) {
    runApt('package lists', ['update', '-q'])
    apt(packages)
  }
}

function apt(packages) {
  return runApt(`host packages: ${packages.join(', ')}`, ['install', '-y', '-q', '--no-install-recommends', ...packages])
}

function runApt(title, args) {
  try {
    run(title, 'apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
    return true
  } catch (error) {
    console.error(`setup: ${error.message}`)
    return false
  }
}

function isKnown(name) {
  return /Candidate: \d/.test(outputOf('apt-cache', ['policy', name]) ?? '')
}
