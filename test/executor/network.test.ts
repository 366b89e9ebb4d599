import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { after, before, test } from 'node:test'
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
  assert.deepEqual(leftovers(sandbox), [])
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
