import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..')
export const CACHE = join(ROOT, 'node_modules/.cache/tsbuild')

/** What the user has to mend; printed without a stack. */
export class SetupError extends Error {
  constructor(message, hint) {
    super(message)
    this.hint = hint
  }
}

/** Runs a program with our standard streams. @throws SetupError when it fails */
export function run(title, command, args, options = {}) {
  console.error(`setup: ${title}`)
  // A child's output is progress, not a result: it goes to standard error.
  const result = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2], ...options })
  if (result.error !== undefined) throw new SetupError(`cannot run \`${command}\`: ${result.error.message}`)
  if (result.status !== 0)
    throw new SetupError(`${title}: \`${[command, ...args].join(' ')}\` ended with ${result.signal ?? result.status}`)
}

/** The output of a program, or undefined when it cannot be run or fails. */
export function outputOf(command, args) {
  const result = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  return result.status === 0 ? result.stdout : undefined
}

/** Where a program is. Administrators' folders count too: users' search paths often lack them. */
export function findProgram(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Does `work` unless the inputs are those of the last time and the outputs are there. */
export function unlessDone(name, { inputs, outputs }, work) {
  const stamp = join(CACHE, `${name}.stamp`)
  const digest = digestOf(inputs)
  const done = outputs.every((path) => existsSync(join(ROOT, path))) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest
  if (done) return
  work()
  mkdirSync(CACHE, { recursive: true })
  writeFileSync(stamp, digest)
}

/** Of names and contents: a checkout changes times, not contents. Node's version counts, since what is built depends on it. */
function digestOf(inputs) {
  const hash = createHash('sha256').update(process.version)
  for (const path of inputs.flatMap(filesBelow).sort())
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(ROOT, path)))
      .update('\0')
  return hash.digest('hex')
}

const GENERATED = new Set(['target', 'node_modules', 'bin', 'dist'])

function filesBelow(path) {
  const full = join(ROOT, path)
  if (!existsSync(full)) return []
  if (!statSync(full).isDirectory()) return [path]
  return readdirSync(full, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return path.startsWith('native') && GENERATED.has(entry.name) ? [] : filesBelow(`${path}/${entry.name}`)
    return /\.(?:ts|mjs|rs|toml|lock|json)$/.test(entry.name) ? [`${path}/${entry.name}`] : []
  })
}
