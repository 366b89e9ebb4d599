/** Where systemd-resolved keeps the servers behind its stub. */
export const SYSTEMD_RESOLV_CONF = '/run/systemd/resolve/resolv.conf'

/** What Docker falls back to. */
const PUBLIC_SERVERS = ['8.8.8.8', '8.8.4.4']

/** Whether the host's resolver is the stub of systemd-resolved alone, so that `SYSTEMD_RESOLV_CONF` should be read instead. */
export function isSystemdStub(text: string): boolean {
  const servers = serversOf(text)
  return servers.length === 1 && servers[0] === '127.0.0.53'
}

/**
 * The host's resolv.conf as a container with a network of its own can use it: nameservers on the loopback interface
 * are out of its reach and left out; public ones stand in when nothing is left.
 */
export function containerResolvConf(text: string): string {
  const lines = text.split('\n').filter((line) => !isLoopback(serverOf(line) ?? ''))
  while (lines.at(-1) === '') lines.pop()
  if (serversOf(lines.join('\n')).length === 0) lines.push(...PUBLIC_SERVERS.map((server) => `nameserver ${server}`))
  return `${lines.join('\n')}\n`
}

function serversOf(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => serverOf(line) ?? [])
}

function serverOf(line: string): string | undefined {
  return /^\s*nameserver\s+(\S+)/.exec(line)?.[1]
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address.startsWith('::1%')
}
