/** /etc/hosts of a container, as BuildKit writes it, with `extra` ([name, address]) below. */
export function hostsFile(hostname: string, extra: readonly (readonly [string, string])[]): string {
  const own = hostname === '' ? '' : ` ${hostname}`
  const lines = [`127.0.0.1\tlocalhost${own}`, '::1\tlocalhost ip6-localhost ip6-loopback']
  for (const [name, address] of extra) lines.push(`${address}\t${name}`)
  return `${lines.join('\n')}\n`
}
