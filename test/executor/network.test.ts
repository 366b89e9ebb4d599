import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { findRunner } from '../../executor/locate.ts'
import { createNetworkPool } from '../../executor/networks.ts'
import { leftovers, makeSandbox, noContainers, type Sandbox } from './sandbox.ts'

const noPasta = noContainers || (existsSync('/usr/bin/pasta') ? false : 'needs pasta (package passt)')
let sandbox: Sandbox
let server: Server

before(async () => {
  if (noContainers) return
  sandbox = await makeSandbox()
  server = createServer((socket) => socket.end('greetings')).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
after(async () => {
  if (noContainers) return
  server.close()
  await sandbox[Symbol.asyncDispose]()
})

const port = (): number => {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
const CONNECT = (address: string): string => `busybox timeout 2 busybox nc ${address} ${port()} </dev/null`

/** The address that the kernel made up for the interface; numbers of namespaces come again. */
const IDENTITY = "busybox ip -o link | busybox sed -n 's/.*ether //p'"

test('host: everything of the host', { skip: noContainers }, async () => {
  const { stdout } = await sandbox.sh(CONNECT('127.0.0.1'), { network: 'host' })
  assert.equal(stdout, 'greetings')
})

test('none: the loopback interface, up and of its own', { skip: noContainers }, async () => {
  const { stdout } = await sandbox.sh(
    `busybox ip -o link | busybox cut -d: -f2; busybox ping -c1 -W1 127.0.0.1 | busybox grep -c '1 packets rec'; ${CONNECT('127.0.0.1')}`,
  )
  assert.equal(stdout, ' lo\n1\n')
})

test('default: an interface with a route, and no way to services on the host', { skip: noPasta }, async () => {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  const gateways = addresses.map(({ address }) => address)
  const script = `
    busybox ip -o link | busybox wc -l
    busybox ip route | busybox grep -c default
    gateway=$(busybox ip route | busybox awk '/default/{print $3}')
    for address in 127.0.0.1 $gateway ${gateways.join(' ')}; do busybox timeout 2 busybox nc $address ${port()} </dev/null; done`
  const { stdout } = await sandbox.sh(script, { network: 'default' })
  assert.equal(stdout, '2\n1\n')
  assert.deepEqual(await leftovers(sandbox), [])
})

test('default: a resolver that can be reached', { skip: noPasta }, async () => {
  const { stdout } = await sandbox.sh('busybox cat /etc/resolv.conf', { network: 'default' })
  assert.match(stdout, /^nameserver \S+$/m)
  assert.doesNotMatch(stdout, /^nameserver (127\.|::1)/m)
})

test('low ports are open to all users only when asked for', { skip: noContainers }, async () => {
  const file = '/proc/sys/net/ipv4/ip_unprivileged_port_start'
  const ask = async (openPorts: boolean): Promise<string> => (await sandbox.sh(`busybox cat ${file}`, { openPorts })).stdout
  assert.deepEqual([await ask(false), await ask(true)], ['1024\n', '0\n'])
  assert.equal(await readFile(file, 'utf8'), '1024\n')
})

test('a network is used again by the next container, which finds nothing of the one before', { skip: noPasta }, async () => {
  const listen = '(busybox nc -l -p 4711 >/tmp/x &) ; busybox sleep 0.1; busybox netstat -ltn | busybox grep -c 4711'
  const first = await sandbox.sh(`busybox mkdir /tmp; ${IDENTITY}; ${listen}`, { network: 'default' })
  const second = await sandbox.sh(`busybox mkdir /tmp; ${IDENTITY}; busybox netstat -an | busybox grep -c 4711; ${listen}`, {
    network: 'default',
  })
  const [firstNetwork, firstCount] = first.stdout.trim().split('\n')
  assert.equal(firstCount, '1')
  assert.deepEqual(second.stdout.trim().split('\n'), [firstNetwork, '0', '1'])
})

test('a network with connections that outlive their process is not used again', { skip: noPasta }, async () => {
  // The side that closes first keeps its port for a minute.
  const script = `${IDENTITY}
    (echo bye | busybox nc -l -p 4712 &); busybox sleep 0.2; busybox nc 127.0.0.1 4712 </dev/null; busybox sleep 0.1
    busybox netstat -tn | busybox grep -c TIME_WAIT`
  const first = await sandbox.sh(script, { network: 'default' })
  const [network, count] = first.stdout
    .trim()
    .split('\n')
    .filter((line) => line !== 'bye')
  assert.ok(Number(count) > 0, first.stdout)
  const next = await sandbox.sh(`${IDENTITY}; busybox netstat -tn | busybox grep -c TIME_WAIT`, {
    network: 'default',
  })
  const [nextNetwork, nextCount] = next.stdout.trim().split('\n')
  assert.notEqual(nextNetwork, network)
  assert.equal(nextCount, '0')
})

test('containers that run at once have networks of their own', { skip: noPasta }, async () => {
  const script = `${IDENTITY}; busybox timeout 1 busybox nc -l -p 4713; echo $?`
  const finished = await Promise.all([1, 2, 3].map(() => sandbox.sh(script, { network: 'default' })))
  const lines = finished.map(({ stdout }) => stdout.trim().split('\n'))
  assert.equal(new Set(lines.map(([network]) => network)).size, 3)
  // Each listened until its time was up: nobody had the port.
  assert.deepEqual(
    lines.map(([, code]) => code),
    ['143', '143', '143'],
  )
})

test('a network is not used again after a step that may have changed it', { skip: noPasta }, async () => {
  const change = 'busybox ip link set lo mtu 1400; echo 33 >/proc/sys/net/ipv4/ip_default_ttl'
  const changed = await sandbox.sh(`${IDENTITY}; ${change}`, { network: 'default', security: 'insecure' })
  const next = await sandbox.sh(`${IDENTITY}; busybox cat /proc/sys/net/ipv4/ip_default_ttl /sys/class/net/lo/mtu`, { network: 'default' })
  const opened = await sandbox.sh(IDENTITY, { network: 'default', openPorts: true })
  const last = await sandbox.sh(`${IDENTITY}; busybox cat /proc/sys/net/ipv4/ip_unprivileged_port_start`, { network: 'default' })
  const [network, ...values] = next.stdout.trim().split('\n')
  assert.notEqual(network, changed.stdout.trim())
  assert.deepEqual(values, ['64', '65536'])
  const [lastNetwork, start] = last.stdout.trim().split('\n')
  assert.notEqual(lastNetwork, opened.stdout.trim())
  assert.equal(start, '1024')
})

test('a network whose way out has ended is not used again', { skip: noPasta }, async () => {
  const first = await sandbox.sh(IDENTITY, { network: 'default' })
  for (const pid of await readdir('/proc')) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (/^\S*pasta/.test(command.split('\0')[0] ?? '') && command.includes(sandbox.directory)) process.kill(Number(pid), 'SIGKILL')
  }
  // Until we have heard of it.
  await sleep(300)
  const next = await sandbox.sh(`${IDENTITY}; busybox ip -o link | busybox wc -l`, { network: 'default' })
  const [network, links] = next.stdout.trim().split('\n')
  assert.notEqual(network, first.stdout.trim())
  assert.equal(links, '2')
})

test('an abort does not wait for a network that is never there', { skip: noContainers, timeout: 20_000 }, async () => {
  const program = join(sandbox.directory, 'stuck')
  await writeFile(program, '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 })
  await using pool = createNetworkPool(findRunner(), sandbox.layer)
  pool.prepare(program)
  await assert.rejects(pool.borrow(program, AbortSignal.timeout(300)), { code: 'TSB_INTERRUPTED' })
  await assert.rejects(pool.borrow(program, AbortSignal.abort()), { code: 'TSB_INTERRUPTED' })
  assert.deepEqual(await leftovers(sandbox), [])
})

test('a way out that cannot be made is told, in its own words', { skip: noContainers }, async () => {
  const program = join(sandbox.directory, 'failing')
  await writeFile(program, '#!/bin/sh\necho no route >&2; exit 3\n', { mode: 0o755 })
  await using pool = createNetworkPool(findRunner(), sandbox.layer)
  const { signal } = new AbortController()
  await assert.rejects(pool.borrow(program, signal), { code: 'TSB_NETWORK_FAILED', message: /no route/ })
  assert.deepEqual(await leftovers(sandbox), [])
})
