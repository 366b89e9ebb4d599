import { type Digest, isDigest } from './digest.ts'
import { TsbError } from './error.ts'

/**
 * An image name, fully spelled out (distribution spec, and docker's familiar names):
 * `alpine` is `docker.io` / `library/alpine` / tag `latest`.
 */
export interface Reference {
  /** Registry host with optional port. */
  readonly domain: string
  /** Repository path in the registry. */
  readonly path: string
  readonly tag?: string
  readonly digest?: Digest
}

const DEFAULT_DOMAIN = 'docker.io'
const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const PATH = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`)
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const DOMAIN = /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*)(?::\d+)?$/

/**
 * Reads an image name as docker does. The tag becomes `latest` when there is neither a tag nor a digest.
 * @throws TsbError `TSB_REFERENCE_INVALID`
 */
export function parseReference(text: string): Reference {
  const at = text.indexOf('@')
  const digest = at < 0 ? undefined : text.slice(at + 1)
  if (digest !== undefined && !isDigest(digest)) throw invalid(text, `\`${digest}\` is not a digest`)
  const named = at < 0 ? text : text.slice(0, at)
  const colon = named.lastIndexOf(':')
  const hasTag = colon > named.lastIndexOf('/')
  const tag = hasTag ? named.slice(colon + 1) : undefined
  if (tag !== undefined && !TAG.test(tag)) throw invalid(text, `\`${tag}\` is not a tag`)
  const { domain, path } = splitDomain(hasTag ? named.slice(0, colon) : named)
  if (!DOMAIN.test(domain)) throw invalid(text, `\`${domain}\` is not a registry host`)
  if (!PATH.test(path) || path.length > 255) {
    throw invalid(text, path === path.toLowerCase() ? 'repository name is malformed' : 'repository name must be lower case')
  }
  const chosenTag = tag ?? (digest === undefined ? 'latest' : undefined)
  return {
    domain,
    path,
    ...(chosenTag === undefined ? {} : { tag: chosenTag }),
    ...(digest === undefined ? {} : { digest }),
  }
}

/** The canonical spelling: `docker.io/library/alpine:latest`, `host:5000/a/b@sha256:…`. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`
  return `${reference.domain}/${reference.path}${tag}${digest}`
}

/** The spelling people use: without `docker.io/` and `library/`. */
export function familiarName(reference: Reference): string {
  const name = formatReference(reference)
  if (reference.domain !== DEFAULT_DOMAIN) return name
  const short = name.slice(DEFAULT_DOMAIN.length + 1)
  return /^library\/[^/]+$/.test(reference.path) ? short.slice('library/'.length) : short
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  const isDomain = first === 'localhost' || /[.:[]/.test(first) || first !== first.toLowerCase()
  if (!isDomain) return { domain: DEFAULT_DOMAIN, path: slash < 0 ? `library/${name}` : name }
  const path = name.slice(slash + 1)
  if (first !== 'index.docker.io' && first !== DEFAULT_DOMAIN) return { domain: first, path }
  return { domain: DEFAULT_DOMAIN, path: path.includes('/') ? path : `library/${path}` }
}

function invalid(text: string, why: string): TsbError {
  return new TsbError('TSB_REFERENCE_INVALID', `invalid image name \`${text}\`: ${why}`, {
    hint: 'write it as `[host[:port]/]path[:tag][@digest]`',
    fault: 'input',
  })
}
