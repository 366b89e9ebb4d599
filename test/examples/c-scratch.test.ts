import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instruction, openExample } from './example.ts'
import { checkForeignTools } from './foreign-tools.ts'

const COMPILE = 'RUN gcc -O2 -Wall -Werror -static -s -o /primes main.c sieve.c'
const PRIMES = '2 3 5 7 11 13 17 19\n'

test('examples/c-scratch', { timeout: 600_000 }, async (t) => {
  const example = await openExample('c-scratch')
  if (typeof example === 'string') return t.skip(example)
  await using _ = example

  await t.test('the first build runs every step', async () => {
    const { cached, containers } = await example.build()
    assert.deepEqual(cached, [])
    assert.equal(containers, 2)
  })

  await t.test('the second build starts no container', async () => {
    const { ran, cached, containers } = await example.build()
    assert.deepEqual(ran, [])
    assert.ok(cached.some((name) => name.includes('RUN gcc')))
    assert.equal(containers, 0)
  })

  await t.test('touching a source re-runs nothing', async () => {
    await example.touch('src/main.c')
    const { ran, containers } = await example.build()
    assert.deepEqual(ran, [])
    assert.equal(containers, 0)
  })

  await t.test('what the ignore file leaves out re-runs nothing', async () => {
    await example.touch('Dockerfile')
    assert.equal((await example.build()).containers, 0)
  })

  await t.test('a comment re-runs the compiler, and nothing after it: the program came out the same', async () => {
    await example.edit('src/sieve.c', 'unsigned char *sieve', '/* composites below limit */\nunsigned char *sieve')
    const { ran, cached, containers } = await example.build()
    assert.deepEqual(ran.map(instruction), ['COPY src/ ./', COMPILE])
    assert.ok(cached.some((name) => name.includes('COPY --from=build')))
    assert.equal(containers, 1)
  })

  await t.test('a change re-runs what depends on it', async () => {
    await example.edit('src/main.c', 'primes LIMIT', 'primes BELOW')
    const { ran, containers } = await example.build()
    assert.deepEqual(ran.map(instruction), ['COPY src/ ./', COMPILE, 'COPY --from=build --chmod=0755 /primes /bin/primes'])
    assert.equal(containers, 1)
  })

  await t.test('the image runs', async () => {
    assert.equal(await example.tsbuild.must(['run', '--rm', 'example/c-scratch', '20']), PRIMES)
    const { code, stderr } = await example.tsbuild.run(['run', '--rm', 'example/c-scratch', 'x'])
    assert.equal(code, 64)
    assert.match(stderr, /^usage: primes BELOW/)
  })

  await checkForeignTools(t, example, { args: ['20'], stdout: PRIMES })
})
