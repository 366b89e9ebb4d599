import { BlockList, isIP, isIPv6 } from 'node:net'
import type { Environment } from '../host.ts'

/**
 * The proxy for a URL, as Go's programs (docker, BuildKit) read the environment: HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in capitals
 * before lower case. This machine itself is never asked through one.
 * @returns the proxy's URL, or nothing for a direct connection
 */
export function proxyFor(env: Environment, url: URL): URL | undefined {
  const text = url.protocol === 'https:' ? either(env, 'HTTPS_PROXY') : either(env, 'HTTP_PROXY')
  if (text === '' || isOwn(url.hostname) || isExempt(either(env, 'NO_PROXY'), url)) return undefined
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  return URL.canParse(full) ? new URL(full) : undefined
}

function either(env: Environment, name: string): string {
  return env[name] || env[name.toLowerCase()] || ''
}

function isOwn(hostname: string): boolean {
  const host = bare(hostname)
  return host === 'localhost' || host === '::1' || /^127\./.test(host)
}

/** A star is everything; a name is itself and what is below it, one with a dot in front only that; addresses and their ranges; with a port only that port. */
function isExempt(list: string, url: URL): boolean {
  const host = bare(url.hostname).toLowerCase()
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port
  const entries = list.split(',').map((entry) => entry.trim().toLowerCase())
  return entries.some((entry) => {
    if (entry === '') return false
    if (entry === '*') return true
    if (entry.includes('/')) return inRange(entry, host)
    const [, name = entry, ofPort] = /^(.*?|\[.*\]):(\d+)$/.exec(isIPv6(entry) ? '' : entry) ?? []
    if (ofPort !== undefined && ofPort !== port) return false
    const wanted = bare(name).replace(/^\*(?=\.)/, '')
    if (isIP(wanted) !== 0) return wanted === host
    return wanted.startsWith('.') ? host.endsWith(wanted) : host === wanted || host.endsWith(`.${wanted}`)
  })
}

function inRange(entry: string, host: string): boolean {
  const [, network = '', bits = ''] = /^([0-9a-f.:]+)\/(\d+)$/.exec(entry) ?? []
  const version = isIP(network)
  if (version === 0 || isIP(host) !== version || Number(bits) > (version === 6 ? 128 : 32)) return false
  const family = version === 6 ? 'ipv6' : 'ipv4'
  const range = new BlockList()
  range.addSubnet(network, Number(bits), family)
  return range.check(host, family)
}

/** An address without the brackets that it has in a URL. */
function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}
