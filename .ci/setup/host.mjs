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
 * @throws SetupError when something that tsbuild itself needs is missing and cannot be installed
 */
export function installHostTools(forTests) {
  const needed = missing(NEEDED)
  const wanted = forTests ? missing(FOR_TESTS) : []
  if (needed.length + wanted.length === 0) return
  const command = `apt-get install -y --no-install-recommends ${[...needed, ...wanted].join(' ')}`
  const canInstall = process.getuid?.() === 0 && findProgram('apt-get') !== undefined
  const failure = canInstall ? install([...needed, ...wanted]) : new SetupError('some programs are missing')
  if (failure === undefined) return
  if (missing(NEEDED).length > 0)
    throw new SetupError(`missing on this machine: ${needed.join(', ')}`, `install them, on Debian: ${command}`)
  console.error(`setup: without ${wanted.join(', ')} some tests are skipped; on Debian: ${command}`)
}

function missing(programs) {
  return Object.entries(programs)
    .filter(([program]) => findProgram(program) === undefined)
    .map(([, name]) => name)
}

function install(packages) {
  const lock = ['-o', 'DPkg::Lock::Timeout=300']
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  try {
    if (!packages.every(isKnown)) run('package lists', 'apt-get', ['update', '-q', ...lock], { env })
    try {
      apt(packages)
    } catch {
      // Lists of yesterday name files that the mirror has replaced since.
      run('package lists', 'apt-get', ['update', '-q', ...lock], { env })
      apt(packages)
    }
    return undefined
  } catch (error) {
    return error
  }

  function apt(names) {
    run(`host packages: ${names.join(', ')}`, 'apt-get', ['install', '-y', '-q', '--no-install-recommends', ...lock, ...names], { env })
  }
}

function isKnown(name) {
  return /Candidate: \d/.test(outputOf('apt-cache', ['policy', name]) ?? '')
}
