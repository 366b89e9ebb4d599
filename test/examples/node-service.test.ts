import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runProcess } from '../support/process.ts'
import { answer, freePort, stop } from '../support/running.ts'
import { instruction, openExample } from './example.ts'
import { checkForeignTools } from './foreign-tools.ts'

test('examples/node-service', { timeout: 900_000 }, async (t) => {
  const { code } = await runProcess('npm', ['view', 'express', 'name'])
  if (code !== 0) return t.skip('the npm registry cannot be reached')
  const example = await openExample('node-service')
  if (typeof example === 'string') return t.skip(example)
  await using _ = example

  await t.test('the first build runs every step', async () => {
    const { cached, containers } = await example.build()
    assert.deepEqual(cached, [])
    assert.equal(containers, 4)
  })

  await t.test('the second build starts no container', async () => {
    const { ran, containers } = await example.build()
    assert.deepEqual(ran, [])
    assert.equal(containers, 0)
  })

  await t.test('touching sources re-runs nothing', async () => {
    await example.touch('src/app.js')
    await example.touch('package-lock.json')
    const { ran, containers } = await example.build()
    assert.deepEqual(ran, [])
    assert.equal(containers, 0)
  })

  await t.test('editing a source bundles anew, without npm ci', async () => {
    await example.edit('src/notes.js', 'by the service', 'by the edited service')
    const { ran, cached, containers } = await example.build()
    assert.equal(containers, 1)
    assert.ok(cached.some((name) => name.includes('npm ci')))
    assert.deepEqual(ran.map(instruction), [
      'COPY src ./src',
      'RUN npm run lint && npm run build',
      'COPY --from=build /app/dist/server.cjs ./',
      'COPY public ./public',
    ])
  })

  await t.test('editing a static file re-runs its COPY only', async () => {
    await example.edit('public/index.html', '<h1>Notes', '<h1>My notes')
    const { ran, containers } = await example.build()
    assert.equal(containers, 0)
    assert.deepEqual(ran.map(instruction), ['COPY public ./public'])
  })

  await t.test('the image holds no npm and none of the packages', async () => {
    const { stdout } = await example.tsbuild.run(['run', '--rm', 'example/node-service', 'sh', '-c', 'command -v npm; ls /app'])
    assert.equal(stdout, 'public\nserver.cjs\n')
  })

  await t.test('the container answers and ends when told to', async () => {
    const port = await freePort()
    const server = example.tsbuild.start(['run', '--rm', '--network', 'host', '-e', `PORT=${port}`, 'example/node-service'])
    try {
      const health = await answer(`http://127.0.0.1:${port}/healthz`, server)
      assert.deepEqual(await health.json(), { ok: true, notes: 1 })
      const note = await fetch(`http://127.0.0.1:${port}/notes/welcome`)
      assert.match(await note.text(), /<strong>rendered<\/strong> by the edited service/)
      assert.match(await (await fetch(`http://127.0.0.1:${port}/`)).text(), /My notes/)
    } finally {
      await stop(server, 'SIGTERM')
    }
    assert.equal(server.exitCode, 0)
  })

  await checkForeignTools(t, example, { args: ['node', '-p', '6 * 7'], stdout: '42\n' })
})
