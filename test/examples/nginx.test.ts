import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answer, freePort, stop } from '../support/running.ts'
import { instruction, openExample } from './example.ts'
import { checkForeignTools } from './foreign-tools.ts'

test('examples/nginx', { timeout: 600_000 }, async (t) => {
  const example = await openExample('nginx')
  if (typeof example === 'string') return t.skip(example)
  await using _ = example

  await t.test('the first build runs every step', async () => {
    const { cached, containers } = await example.build()
    assert.deepEqual(cached, [])
    assert.equal(containers, 1)
  })

  await t.test('the second build starts no container', async () => {
    const { ran, containers } = await example.build()
    assert.deepEqual(ran, [])
    assert.equal(containers, 0)
  })

  await t.test('editing a page re-runs its COPY and what stands on it, and no container', async () => {
    await example.edit('site/index.html', 'It works', 'It still works')
    const { ran, containers } = await example.build()
    assert.deepEqual(ran.map(instruction), ['COPY --chown=www-data:www-data site/ /srv/site/', 'WORKDIR /srv/site'])
    assert.equal(containers, 0)
  })

  await t.test('the container answers, is healthy, and ends at its stop signal', async () => {
    const port = await freePort()
    const run = ['run', '--rm', '--network', 'host', '-e', `PORT=${port}`, '-e', 'GREETING=from the test', 'example/nginx']
    const server = example.tsbuild.start(run)
    try {
      const greeting = await answer(`http://127.0.0.1:${port}/greeting`, server)
      assert.equal(await greeting.text(), 'from the test\n')
      assert.match(await (await fetch(`http://127.0.0.1:${port}/`)).text(), /It still works/)
      assert.equal((await fetch(`http://127.0.0.1:${port}/images/mark.svg`)).headers.get('content-type'), 'image/svg+xml')
    } finally {
      await stop(server, 'SIGTERM')
    }
    assert.equal(server.exitCode, 0)
  })

  await checkForeignTools(t, example, { args: ['-t', '-q'], stdout: '' })
})
