import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { leftovers, processesOf } from '../support/leftovers.ts'
import { BUSYBOX_ROOT } from '../support/paths.ts'
import { openProject, type Project } from './project.ts'
import { storeFaults } from './store-check.ts'

/** The step's argument makes every round execute something; the two slow steps are in parallel. */
const DOCKERFILE = `FROM busybox AS a
ARG ROUND
RUN --mount=type=cache,target=/c,sharing=locked --mount=type=bind,target=/context \\
    echo $ROUND > /a && head -c 300000 /dev/zero > /zeros && sleep 0.1 && echo $ROUND > /c/round
FROM busybox AS b
COPY many /many
FROM busybox
COPY --from=a /a /zeros /from-a/
COPY --from=b /many /many
RUN --mount=type=cache,id=/c,target=/other,sharing=locked --mount=type=cache,from=b,source=/many,target=/seeded \\
    test -e /seeded/file199 && cat /from-a/a > /result && sleep 0.1
`

/** Kills a command of the command line at `count` random instants; after each, nothing runs on and the store is sound. */
export async function survivesKills(count: number, seed: number): Promise<void> {
  await using project = await openProject({ Dockerfile: DOCKERFILE })
  project.write(Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`many/file${n}`, `content ${n}\n`])))
  const archive = join(project.directory, '..', `${project.directory.split('/').at(-1)}.tar`)
  await project.tsbuild.must(['save', '-o', archive, 'busybox'])
  const random = randomNumbers(seed)
  try {
    for (let round = 0; round < count; round += 1) {
      const commands = commandsOf(project, archive, round)
      const command = commands[Math.floor(random() * commands.length)] ?? []
      const delay = 60 + random() * 700
      await kill(project, command, delay)
      await check(project, round, `kill ${round} of \`${command.join(' ')}\` after ${delay.toFixed()} ms, seed ${seed}`)
    }
  } finally {
    rmSync(archive, { force: true })
  }
}

function commandsOf({ directory }: Project, archive: string, round: number): readonly (readonly string[])[] {
  const build = ['build', '-q', '-t', 'app', '--build-arg', `ROUND=${round}`, directory]
  return [
    build,
    build,
    build,
    ['build', '-q', '--no-cache', '-o', `type=oci,dest=${archive}.out`, directory],
    ['import', BUSYBOX_ROOT, `other${round}`],
    ['load', '-i', archive],
    ['save', '-o', `${archive}.out`, 'busybox'],
    ['run', '--network', 'none', 'busybox', 'sleep', '1'],
  ]
}

async function kill({ tsbuild }: Project, command: readonly string[], delay: number): Promise<void> {
  const child = tsbuild.start(command)
  const exited = once(child, 'exit')
  await Promise.race([exited, sleep(delay)])
  child.kill('SIGKILL')
  await exited
  for (let tries = 0; processesOf(tsbuild.root).length > 0; tries += 1) {
    assert.ok(tries < 80, processesOf(tsbuild.root).join('\n'))
    await sleep(25)
  }
}

async function check({ tsbuild, directory }: Project, round: number, what: string): Promise<void> {
  const build = ['build', '-q', '-t', 'app', '--build-arg', `ROUND=${round}`, directory]
  const first = await tsbuild.run(build)
  assert.equal(first.code, 0, `${what}: ${first.stderr}`)
  assert.deepEqual(await storeFaults(tsbuild.root), [], what)
  const out = join(tsbuild.root, '..', `${tsbuild.root.split('/').at(-1)}-out`)
  try {
    const second = await tsbuild.must([...build, '-o', `type=local,dest=${out}`, '-o', 'type=image'])
    assert.equal(second, first.stdout, what)
    assert.equal(readFileSync(join(out, 'result'), 'utf8'), `${round}\n`, what)
    assert.equal(readFileSync(join(out, 'many/file199'), 'utf8'), 'content 199\n', what)
  } finally {
    rmSync(out, { recursive: true, force: true })
    rmSync(join(directory, '..', `${directory.split('/').at(-1)}.tar.out`), { force: true })
  }
  if (round % 5 === 4) assert.deepEqual(await leftovers(tsbuild.root), [], what)
}

/** Numerical Recipes' linear congruence: enough for instants, and a failure can be had again. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
