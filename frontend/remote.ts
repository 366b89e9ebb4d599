import { TsbError } from '../core/error.ts'
import { redactUrl } from '../core/url.ts'

/** A git repository, and what of it is wanted. */
export interface GitReference {
  /** What git is given, without fragment and query. Credentials may stand in it. */
  readonly remote: string
  /** Branch, tag, full name of a ref, or commit; empty is the default branch. */
  readonly ref: string
  /** Directory in it that stands for the whole; empty is the whole. */
  readonly subdir: string
  /** Beginning of the commit that `ref` has to lead to. */
  readonly checksum?: string
  /** Absent where the text does not say. */
  readonly keepGitDir?: boolean
  readonly submodules: boolean
  /** Times of the files: when they were checked out, or that of the commit. */
  readonly mtime: 'checkout' | 'commit'
  /** `github.com/…` without a scheme, which is a repository as a context and a path everywhere else. */
  readonly shorthand: boolean
}

/** Whether a text is a URL that files are downloaded from. What is one of a git repository counts, too. */
export function isHttpUrl(text: string): boolean {
  return /^https?:\/\//.test(text)
}

/** `user@host:path?query#fragment`, as ssh and scp write it. */
const SCP_STYLE = /^([\w-]+@[A-Za-z0-9.-]+:[^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s

/**
 * Reads the URL of a git repository (docker docs, "Build context", "URL fragments" and "URL queries"; BuildKit's `gitutil`):
 * `git://`, `ssh://` and `user@host:path`; `http(s)://` when its path ends in `.git`; and the shorthand `github.com/`.
 * @returns nothing for a text that is no such URL
 * @throws TsbError `TSB_GIT_URL` for one whose fragment or query is malformed
 */
export function parseGit(text: string): GitReference | undefined {
  if (text.startsWith('./') || text.startsWith('../')) return undefined
  if (text.startsWith('github.com/')) return readUrl(`https://${text}`, text, true)
  const [, scheme = ''] = /^([A-Za-z0-9]+):\/\//.exec(text) ?? []
  if (/^(?:git|ssh|https?)$/i.test(scheme)) return readUrl(text, text, false)
  const [, remote, query = '', fragment = ''] = SCP_STYLE.exec(text) ?? []
  return scheme !== '' || remote === undefined ? undefined : readParts({ remote, query, fragment, text, shorthand: false })
}

interface Parts {
  readonly remote: string
  readonly query: string
  readonly fragment: string
  readonly text: string
  readonly shorthand: boolean
}

function readUrl(url: string, text: string, shorthand: boolean): GitReference | undefined {
  const [, remote = '', query = '', fragment = ''] = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(url) ?? []
  if (/^https?:/i.test(remote) && !shorthand && !remote.endsWith('.git')) return undefined
  return readParts({ remote, query, fragment: decode(fragment), text, shorthand })
}

function readParts({ remote, query, fragment, text, shorthand }: Parts): GitReference {
  const [ref = '', subdir = ''] = fragment.split(/:(.*)/s)
  const fields = new Fields(text, query)
  const tag = fields.prefixed('tag', 'refs/tags/')
  const branch = fields.prefixed('branch', 'refs/heads/')
  if (tag !== undefined && branch !== undefined) throw malformed(text, '`branch` and `tag` cannot be given together')
  const chosen = [ref === '' ? undefined : ref, fields.text('ref'), tag, branch]
  const checksum = fields.text('checksum') ?? fields.text('commit')
  const keepGitDir = fields.boolean('keep-git-dir')
  const mtime = fields.text('mtime') ?? 'checkout'
  if (mtime !== 'checkout' && mtime !== 'commit') throw malformed(text, `\`mtime\` is \`checkout\` or \`commit\`, not \`${mtime}\``)
  const known = {
    remote,
    ref: only(text, 'ref', chosen) ?? checksum ?? '',
    subdir: only(text, 'subdir', [subdir === '' ? undefined : subdir, fields.text('subdir')]) ?? '',
    submodules: fields.boolean('submodules') ?? true,
    mtime,
    shorthand,
  } as const
  // Whether a ref is fetched by its commit is our own business: what comes of it is the same.
  fields.boolean('fetch-by-commit')
  fields.refuseOthers()
  return { ...known, ...(checksum === undefined ? {} : { checksum }), ...(keepGitDir === undefined ? {} : { keepGitDir }) }
}

/** The fields of a query. */
class Fields {
  readonly #text: string
  readonly #values = new Map<string, string>()
  readonly #asked = new Set<string>()

  constructor(text: string, query: string) {
    this.#text = text
    for (const [name, value] of new URLSearchParams(query)) {
      if (this.#values.has(name)) throw malformed(text, `query \`${name}\` has several values`)
      this.#values.set(name, value)
    }
  }

  text(name: string): string | undefined {
    this.#asked.add(name)
    return this.#values.get(name)
  }

  /** A short name in its full form. */
  prefixed(name: string, prefix: string): string | undefined {
    const value = this.text(name)
    return value === undefined || value === '' || value.startsWith(prefix) ? value || undefined : prefix + value
  }

  /** A name without a value is true. Otherwise as Go's `strconv.ParseBool`. */
  boolean(name: string): boolean | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    if (value === '' || /^(?:1|t|T|true|True|TRUE)$/.test(value)) return true
    if (/^(?:0|f|F|false|False|FALSE)$/.test(value)) return false
    throw malformed(this.#text, `\`${name}\` is true or false, not \`${value}\``)
  }

  refuseOthers(): void {
    for (const name of this.#values.keys()) {
      if (!this.#asked.has(name)) throw malformed(this.#text, `unexpected query \`${name}\``)
    }
  }
}

/** The one value that several places agree on. */
function only(text: string, what: string, values: readonly (string | undefined)[]): string | undefined {
  const given = values.filter((value) => value !== undefined && value !== '')
  const [first] = given
  const other = given.find((value) => value !== first)
  if (other === undefined) return first
  throw malformed(text, `${what} is given twice: \`${first}\` and \`${other}\``)
}

function decode(fragment: string): string {
  try {
    return decodeURIComponent(fragment)
  } catch {
    return fragment
  }
}

function malformed(text: string, why: string): TsbError {
  return new TsbError('TSB_GIT_URL', `cannot use \`${redactUrl(text)}\`: ${why}`, {
    fault: 'input',
    hint: 'write `URL.git#REF:DIRECTORY`, or `URL.git?ref=REF&subdir=DIRECTORY`',
  })
}
