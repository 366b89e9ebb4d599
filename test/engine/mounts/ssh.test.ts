import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { openAgents, parseSsh } from '../../../engine/ssh/agents.ts'
import { createFrames, frame } from '../../../engine/ssh/frames.ts'
import { sshReader, sshString, sshUint32 } from '../../../engine/ssh/wire.ts'
import { leftovers } from '../../support/leftovers.ts'
import { runProcess } from '../../support/process.ts'
import { openProject } from '../project.ts'

const KEYGEN = await runProcess('ssh-keygen', ['-?']).then(
  () => false as const,
  () => 'needs ssh-keygen',
)
const OWNER = { mode: 0o640, uid: 3, gid: 4 }
let folder: string

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsbuild-ssh-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

async function makeKey(type: string, ...args: string[]): Promise<string> {
  const path = join(folder, randomUUID())
  const { code, stderr } = await runProcess('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', '', '-f', path, ...args])
  assert.equal(code, 0, stderr)
  return path
}

/** What OpenSSH's own client says of the agent behind a socket. */
async function listKeys(socket: string): Promise<string> {
  const { stdout, stderr } = await runProcess('ssh-add', ['-L'], { env: { ...process.env, SSH_AUTH_SOCK: socket } })
  return stdout + stderr
}

test('keys out of files: listed, and their signatures are valid', { skip: KEYGEN, timeout: 120_000 }, async () => {
  const kinds: readonly (readonly string[])[] = [
    ['ed25519'],
    ['rsa', '-b', '2048'],
    ['rsa', '-b', '2048', '-m', 'PEM'],
    ['ecdsa', '-b', '256'],
    ['ecdsa', '-b', '384', '-m', 'PKCS8'],
    ['ecdsa', '-b', '521'],
  ]
  const paths = await Promise.all(kinds.map(([type = '', ...args]) => makeKey(type, ...args)))
  const agents = await openAgents([{ id: 'default', paths }], {})
  await using socket = await agents.open('default', OWNER, folder)
  assert.ok(socket)
  const { mode, uid, gid } = statSync(socket.path)
  assert.deepEqual([mode & 0o777, uid, gid], [0o640, 3, 4])
  const lines = (text: string): readonly string[] => text.split('\n').map((line) => line.trim().split(' ').slice(0, 2).join(' '))
  const expected = paths.flatMap((path) => lines(readFileSync(`${path}.pub`, 'utf8')).filter(Boolean))
  assert.deepEqual(lines(await listKeys(socket.path)).filter(Boolean), expected)
  for (const path of paths) {
    const file = join(folder, 'signed')
    writeFileSync(file, 'text')
    rmSync(`${file}.sig`, { force: true })
    const env = { ...process.env, SSH_AUTH_SOCK: socket.path }
    // With the public key alone ssh-keygen asks the agent.
    const publicKey = join(folder, 'public-only.pub')
    writeFileSync(publicKey, readFileSync(`${path}.pub`))
    const made = await runProcess('ssh-keygen', ['-Y', 'sign', '-f', publicKey, '-n', 'file', file], { env })
    assert.equal(made.code, 0, made.stderr)
    const checked = await runProcess('ssh-keygen', ['-Y', 'check-novalidate', '-n', 'file', '-s', `${file}.sig`], { input: 'text' })
    assert.equal(checked.code, 0, checked.stderr)
  }
})

test("the user's agent: keys and signatures pass, nothing else does", { skip: KEYGEN, timeout: 60_000 }, async () => {
  const upstream = join(folder, 'upstream')
  const agent = spawn('ssh-agent', ['-D', '-a', upstream], { stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    await once(agent.stdout, 'data')
    const key = await makeKey('ed25519')
    const own = { ...process.env, SSH_AUTH_SOCK: upstream }
    assert.equal((await runProcess('ssh-add', ['-q', key], { env: own })).code, 0)
    const agents = await openAgents([parseSsh('default')], { SSH_AUTH_SOCK: upstream })
    await using socket = await agents.open('default', OWNER, folder)
    assert.ok(socket)
    const listed = await listKeys(socket.path)
    assert.match(listed, /^ssh-ed25519 /)
    const env = { ...process.env, SSH_AUTH_SOCK: socket.path }
    for (const args of [['-q', key], ['-D'], ['-d', key], ['-x']]) {
      assert.notEqual((await runProcess('ssh-add', args, { env, input: 'x\nx\n' })).code, 0, args.join(' '))
    }
    assert.equal(await listKeys(upstream), listed)
    assert.equal(await agents.open('other', OWNER, folder), undefined)
  } finally {
    agent.kill()
    await once(agent, 'exit')
  }
  const gone = await openAgents([{ id: 'a', paths: [upstream] }], {}).catch((error: { code: string }) => error.code)
  assert.equal(gone, 'TSB_SSH_UNREADABLE')
})

test('a step reaches the agent, as any user that it is for', { skip: KEYGEN, timeout: 60_000 }, async () => {
  await using project = await openProject({})
  const { tsbuild, directory } = project
  // OpenSSH's client, with all that it loads.
  const tools = join(directory, 'tools')
  mkdirSync(tools)
  const { stdout } = await runProcess('sh', ['-c', 'file=$(command -v ssh-add); echo $file; ldd $file'])
  for (const [path] of stdout.matchAll(/\/\S+/g)) copyFileSync(path, join(tools, basename(path)))
  const loader = basename(/\/\S*ld-linux\S*/.exec(stdout)?.[0] ?? '')
  const key = await makeKey('ed25519')
  project.write({
    Dockerfile: `FROM busybox
RUN mkdir /out && chmod 777 /out
USER 7:8
RUN --mount=type=ssh,uid=7 --mount=source=tools,target=/t /t/${loader} --library-path /t /t/ssh-add -L > /out/keys; echo $SSH_AUTH_SOCK >> /out/keys
RUN --mount=type=ssh,uid=9,target=/x --mount=source=tools,target=/t ! /t/${loader} --library-path /t /t/ssh-add -L
`,
  })
  await tsbuild.must(['-t', 'app', '--network', 'none', '--ssh', `default=${key}`, directory])
  const text = await tsbuild.must(['run', '--rm', '--network', 'none', 'app', 'sh', '-c', 'cat /out/keys; ls -d /run /x /t 2>&1 | wc -l'])
  assert.equal(text.replaceAll(' \n', '\n'), `${readFileSync(`${key}.pub`, 'utf8').trim()}\n/run/buildkit/ssh_agent.0\n3\n`)
  assert.deepEqual(await leftovers(tsbuild.root), [])
})

test('a socket has room below a long path', { timeout: 60_000 }, async () => {
  const deep = join(folder, 'a'.repeat(120))
  mkdirSync(deep)
  const { privateKey } = generateKeyPairSync('ed25519')
  const path = join(folder, 'pkcs8')
  writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const agents = await openAgents([{ id: 'x', paths: [path] }], {})
  {
    await using socket = await agents.open('x', OWNER, deep)
    assert.ok(socket && statSync(socket.path).isSocket())
  }
  assert.deepEqual(readdirSync(deep), [])
})

test('hashes of RSA signatures, and what makes no sense', { timeout: 60_000 }, async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const path = join(folder, 'pkcs1')
  writeFileSync(path, privateKey.export({ type: 'pkcs1', format: 'pem' }))
  const agents = await openAgents([{ id: 'x', paths: [path] }], {})
  await using socket = await agents.open('x', OWNER, folder)
  assert.ok(socket)
  const client = connect(socket.path)
  const ask = asker(client)
  const identities = await ask(Buffer.of(11))
  const reader = sshReader(identities.subarray(1))
  assert.deepEqual([identities[0], reader.uint32()], [12, 1])
  const blob = reader.string()
  const data = Buffer.from('data')
  const { verify } = await import('node:crypto')
  for (const [flags, name, hash] of [
    [0, 'ssh-rsa', 'sha1'],
    [2, 'rsa-sha2-256', 'sha256'],
    [4, 'rsa-sha2-512', 'sha512'],
  ] as const) {
    const answer = await ask(Buffer.concat([Buffer.of(13), sshString(blob), sshString(data), sshUint32(flags)]))
    assert.equal(answer[0], 14)
    const signature = sshReader(sshReader(answer.subarray(1)).string())
    assert.equal(signature.string().toString(), name)
    assert.ok(verify(hash, data, publicKey, signature.string()))
  }
  const other = createHash('sha256').update(blob).digest()
  for (const request of [
    Buffer.of(13),
    Buffer.of(13, 255, 255, 255, 255),
    Buffer.of(17),
    Buffer.concat([Buffer.of(13), sshString(other), sshString(data), sshUint32(0)]),
  ]) {
    assert.deepEqual(await ask(request), Buffer.of(5))
  }
  client.write(Buffer.of(255, 255, 255, 255))
  await once(client, 'close')
})

test('what is no agent', { skip: KEYGEN, timeout: 60_000 }, async () => {
  const file = (text: string): string => {
    const path = join(folder, randomUUID())
    writeFileSync(path, text)
    return path
  }
  const sealed = join(folder, 'sealed')
  const made = await runProcess('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'passphrase', '-f', sealed])
  assert.equal(made.code, 0)
  const code = (...specs: string[]): Promise<unknown> =>
    openAgents(specs.map(parseSsh), {}).then(
      () => 'none',
      (error: { code: string }) => error.code,
    )
  assert.equal(await code('default'), 'TSB_SSH_UNREADABLE')
  assert.equal(await code(`a=${join(folder, 'nope')}`), 'TSB_SSH_UNREADABLE')
  assert.equal(await code(`a=${file('text')}`), 'TSB_SSH_KEY')
  assert.equal(await code(`a=${file('-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n')}`), 'TSB_SSH_KEY')
  assert.equal(await code(`a=${file('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n')}`), 'TSB_SSH_KEY')
  assert.equal(await code(`a=${sealed}`), 'TSB_SSH_KEY')
  const key = await makeKey('ed25519')
  assert.equal(await code(`a=${key}`, `a=${key}`), 'TSB_USAGE_SSH')
  assert.throws(() => parseSsh('=x'), { code: 'TSB_USAGE_SSH' })
  assert.deepEqual(parseSsh('a=b,c'), { id: 'a', paths: ['b', 'c'] })
})

/** Sends requests one after the other. */
function asker(socket: Socket): (request: Buffer) => Promise<Buffer> {
  const answers: Buffer[] = []
  let wake: () => void = () => undefined
  socket.on(
    'data',
    createFrames(
      (answer) => {
        answers.push(Buffer.from(answer))
        wake()
      },
      () => socket.destroy(),
    ),
  )
  return async (request) => {
    socket.write(frame(request))
    while (answers.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    return answers.shift() as Buffer
  }
}
