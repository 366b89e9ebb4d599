import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostEffects } from '../../../engine/host.ts'
import { loadNative } from '../../../native/index.ts'
import { verifyStore } from '../../../store/verify/verify.ts'
import { runFaulty } from '../../support/faults.ts'
import { leftovers, processesOf, remains } from '../../support/leftovers.ts'
import { BUSYBOX_ROOT } from '../../support/paths.ts'
import { LAUNCHER } from '../../support/tsbuild.ts'
import { storeFaults } from '../store-check.ts'
import { openScene, randomNumbers, type Scene, type Template } from './scene.ts'

/** A command to kill. Repeated to its end it says and writes the same as where nobody disturbed it. */
interface Victim {
  readonly name: string
  readonly template: Template
  readonly args: readonly string[]
  /** What it writes outside of the store. */
  readonly output?: string
  /** Only so many of its first calls are of interest. */
  readonly within?: number
  /** What it prints is another thing each time. */
  readonly isVaried?: true
}

/** What an undisturbed command does, and how much that is. */
interface Reference {
  readonly result: string
  readonly calls: number
  readonly milliseconds: number
}

/** A scene with all that is needed to kill commands in it. */
export interface Harness extends AsyncDisposable {
  readonly victims: readonly Victim[]
  /** Kills the victim once or twice in one store, and asserts that nothing is lost. @returns the number of kills */
  strike(victim: Victim, random: () => number): Promise<number>
}

/** Cgroups of other tests have to be waited for. */
const LOOK_CLOSELY_EVERY = 10

/** Kills commands of all kinds `count` times, in turn; after each the store is sound and whatever is built on it is right. */
export async function survivesKills(count: number, seed: number): Promise<void> {
  await using harness = await openHarness()
  const random = randomNumbers(seed)
  let kills = 0
  for (let round = 0; kills < count; round += 1) {
    const victim = harness.victims[round % harness.victims.length]
    assert.ok(victim)
    kills += await harness.strike(victim, random)
  }
}

export async function openHarness(): Promise<Harness> {
  const scene = await openScene()
  const references = new Map<Victim, Promise<Reference>>()
  const referenceOf = (victim: Victim): Promise<Reference> => {
    const known = references.get(victim) ?? measure(scene, victim)
    references.set(victim, known)
    return known
  }
  const victims = victimsOf(scene)
  let strikes = 0
  const build = victims[0] as Victim
  return {
    victims,
    strike: async (victim, random) => {
      const reference = await referenceOf(victim)
      const image = (await referenceOf(build)).result
      const root = scene.storeOf(victim.template)
      const times = random() < 0.25 ? 2 : 1
      let what = victim.name
      for (let time = 0; time < times; time += 1) what += await kill(scene, root, victim, reference, random)
      const { findings } = await verifyStore(root, loadNative(), hostEffects, new AbortController().signal)
      assert.deepEqual(
        findings.filter(({ remedy }) => remedy === 'hand'),
        [],
        what,
      )
      assert.deepEqual(scene.strays(), [], what)
      if (victim.template !== 'empty') assert.equal(await perform(scene, root, build), image, what)
      if (victim !== build) assert.equal(await perform(scene, root, victim), reference.result, what)
      strikes += 1
      const left = strikes % LOOK_CLOSELY_EVERY === 0 ? await leftovers(root) : remains(root)
      assert.deepEqual([...(await storeFaults(root)), ...left, ...scene.strays()], [], what)
      return times
    },
    [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
  }
}

/** The first one is the build that is made after each kill. */
function victimsOf({ folder, build, pull, archive, registry }: Scene): readonly Victim[] {
  const output = join(folder, 'output')
  const context = join(folder, 'context')
  const exported = (name: string, options: string): Victim => ({
    name: `export ${name}`,
    template: 'built',
    args: ['build', '-q', '-o', `${options},dest=${output},rewrite-timestamp=true`, context],
    output,
  })
  return [
    { name: 'build', template: 'base', args: build },
    exported('oci', 'type=oci'),
    { name: 'pull', template: 'base', args: pull },
    { name: 'save', template: 'built', args: ['save', '-o', output, 'busybox'], output },
    { name: 'rebuild', template: 'built', args: [...build.slice(0, -1), '--no-cache', context] },
    exported('docker', 'type=docker'),
    { name: 'load', template: 'empty', args: ['load', '-i', archive] },
    exported('zstd', 'type=oci,compression=zstd,force-compression=true'),
    { name: 'import', template: 'base', args: ['import', BUSYBOX_ROOT, 'other'], isVaried: true },
    { name: 'migration', template: 'old', args: build, within: 150 },
    exported('tar', 'type=tar'),
    { name: 'prune', template: 'built', args: ['prune', '--all', '--force'], isVaried: true },
    { name: 'run', template: 'base', args: ['run', '--rm', '--network', 'none', 'busybox', 'sh', '-c', 'echo out; sleep 0.1'] },
    { ...exported('local', 'type=local'), args: ['build', '-q', '-o', `type=local,dest=${output}`, context] },
    ...(registry === undefined ? [] : [push(registry, context)]),
  ]
}

function push(registry: string, context: string): Victim {
  const output = `type=image,name=${registry}/pushed:1,push=true,rewrite-timestamp=true`
  return { name: 'push', template: 'built', args: ['build', '-q', '-o', output, context] }
}

async function measure(scene: Scene, victim: Victim): Promise<Reference> {
  const began = performance.now()
  const { code, counted, stdout, stderr } = await runFaulty(scene.storeOf(victim.template), victim.args, { env: scene.env })
  assert.equal(code, 0, `${victim.name}: ${stderr}`)
  return { calls: Math.min(counted, victim.within ?? counted), milliseconds: performance.now() - began, result: resultOf(victim, stdout) }
}

/** Lets a command come to its end. @returns what it said and wrote */
async function perform(scene: Scene, root: string, victim: Victim): Promise<string> {
  return resultOf(victim, await scene.must(root, victim.args))
}

function resultOf({ output, isVaried }: Victim, stdout: string): string {
  const said = isVaried ? '' : stdout
  if (output === undefined) return said
  const written = fingerprint(output)
  rmSync(output, { recursive: true })
  return `${said} ${written}`
}

/** Names, modes and content of a file, or of all in a directory. */
function fingerprint(path: string): string {
  const stat = lstatSync(path)
  const hash = createHash('sha256').update(`${stat.mode} `)
  if (stat.isSymbolicLink()) hash.update(readlinkSync(path))
  else if (stat.isDirectory()) for (const name of readdirSync(path).sort()) hash.update(`${name} ${fingerprint(join(path, name))}`)
  else hash.update(readFileSync(path))
  return hash.digest('hex')
}

/** Kills it just before one of its calls, or at an instant. @returns what was done, for who reads of a failure */
async function kill(scene: Scene, root: string, victim: Victim, { calls, milliseconds }: Reference, random: () => number): Promise<string> {
  if (random() < 0.7) {
    const whom = random() < 0.5 ? 'main' : 'tree'
    const at = 1 + Math.floor(random() * calls)
    const { hits, survivors } = await runFaulty(root, victim.args, { env: scene.env, fault: { kind: 'kill', at, whom } })
    assert.deepEqual(survivors, [], `${victim.name} at call ${at}`)
    return `; ${whom} killed at call ${at} of ${calls}: ${hits[0]?.call} ${hits[0]?.path}`
  }
  const instant = random() * milliseconds
  const env = { ...process.env, ...scene.env, TSBUILD_ROOT: root }
  const child = spawn(process.execPath, [LAUNCHER, ...victim.args], { env, stdio: 'ignore' })
  const exited = once(child, 'exit')
  await Promise.race([exited, sleep(instant)])
  child.kill('SIGKILL')
  await exited
  for (let tries = 0; processesOf(root).length > 0; tries += 1) {
    assert.ok(tries < 200, processesOf(root).join('\n'))
    await sleep(25)
  }
  if (victim.output !== undefined && existsSync(victim.output)) rmSync(victim.output, { recursive: true })
  return `; killed after ${instant.toFixed()} of ${milliseconds.toFixed()} ms`
}
