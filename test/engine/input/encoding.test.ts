import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openProject } from '../project.ts'

test('a step gets the bytes that are written, or is refused; what is only shown may have any', async () => {
  await using project = await openProject({})
  const build = async (text: string): Promise<{ readonly code: number; readonly stderr: string }> => {
    writeFileSync(join(project.directory, 'Dockerfile'), Buffer.from(text, 'latin1'))
    const { code, stderr } = await project.tsbuild.run(['build', '--progress', 'plain', project.directory])
    return { code: code ?? -1, stderr }
  }
  const refused = await build('FROM busybox\nRUN echo caf\xe9\n')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /TSB_DOCKERFILE_ENCODING\]\nDockerfile:2\n/)
  assert.equal((await build('# caf\xe9\nFROM scratch\nLABEL a=caf\xe9\nCOPY Dockerfile /\n')).code, 0)
})
