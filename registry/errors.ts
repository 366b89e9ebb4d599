import { interrupted, isTsbError, TsbError } from '../core/error.ts'

/** More of an error body than this is not worth reading. */
const ERROR_BODY_BYTES = 64 * 1024

/** A problem as a registry words it (distribution spec, "Error Codes"). */
export interface AnsweredProblem {
  readonly code: string
  readonly message: string
}

/**
 * Turns an answer that is not the wanted one into an error; the body is consumed (64 KiB of it at most).
 * 401 and 403 become `TSB_REGISTRY_UNAUTHORIZED`, 404 `TSB_REGISTRY_NOT_FOUND`, all else `TSB_REGISTRY_ANSWER`.
 */
export async function answerError(response: Response, request: string, subject: string): Promise<TsbError> {
  const problems = parseProblems(await readSome(response))
  const told = problems.map(({ code, message }) => (message === '' ? code : `${code} (${message})`)).join(', ')
  const because = told === '' ? '' : `: ${told}`
  if (response.status === 401 || response.status === 403) return unauthorized(subject, `${response.status}${because}`)
  if (response.status === 404) return notFound(subject, because)
  return new TsbError('TSB_REGISTRY_ANSWER', `registry answered ${response.status} to \`${request}\`${because}`, {
    fault: 'remote',
    hint:
      response.status === 429 ? 'wait, or log in with `docker login` for a higher limit' : 'try again later, or ask who runs the registry',
  })
}

/** An answer whose form is not what the distribution spec says. */
export function badAnswer(request: string, why: string): TsbError {
  return new TsbError('TSB_REGISTRY_ANSWER', `registry gave an unusable answer to \`${request}\`: ${why}`, {
    fault: 'remote',
    hint: 'check that the name points to a container registry',
  })
}

/** An image that the registry names and does not have whole. */
export function missingBlob(subject: string, digest: string): TsbError {
  return new TsbError('TSB_REGISTRY_NOT_FOUND', `registry does not have the blob \`${digest}\` of \`${subject}\``, {
    fault: 'remote',
    hint: 'build with `--pull` if the image was pushed anew since; else push it again',
  })
}

/** Bytes that are not what their digest says. */
export function digestError(subject: string, expected: string, found: string): TsbError {
  return new TsbError(
    'TSB_REGISTRY_DIGEST',
    `\`${subject}\` from the registry is not what was asked for: expected \`${expected}\`, found \`${found}\``,
    {
      fault: 'remote',
      hint: 'try again; if it persists, the registry or a proxy on the way damages data',
    },
  )
}

/** No credentials, wrong ones, or ones that do not suffice. */
export function unauthorized(subject: string, why: string, cause?: unknown): TsbError {
  const hint =
    isTsbError(cause) && cause.hint !== undefined
      ? cause.hint
      : 'check the name, and log in with `docker login` if the repository is private'
  // What is wrong with the credentials names a file or a program that the user must know.
  const detail = isTsbError(cause) ? `: ${cause.message}` : ''
  return new TsbError('TSB_REGISTRY_UNAUTHORIZED', `registry refuses access to \`${subject}\`: ${why}${detail}`, {
    fault: 'remote',
    hint,
    cause,
  })
}

/** No HTTP answer at all. An abort by the user's `signal` becomes `TSB_INTERRUPTED`; errors of ours pass. */
export function connectionError(url: string, cause: unknown, signal: AbortSignal): TsbError {
  if (signal.aborted) return interrupted()
  if (isTsbError(cause)) return cause
  return new TsbError('TSB_REGISTRY_UNREACHABLE', `cannot reach registry \`${hostOf(url)}\`: ${reasonOf(cause)}`, {
    fault: 'remote',
    hint: 'check the registry host, the network and the proxy settings',
    cause,
  })
}

/** The system's code of a failed connection (`ECONNREFUSED`), wherever `fetch` has buried it; empty when there is none. */
export function causeCode(error: unknown): string {
  for (let current = error, depth = 0; typeof current === 'object' && current !== null && depth < 5; depth += 1) {
    if ('code' in current && typeof current.code === 'string') return current.code
    if ('errors' in current && Array.isArray(current.errors) && current.errors.length > 0) current = current.errors[0]
    else current = 'cause' in current ? current.cause : undefined
  }
  return ''
}

function notFound(subject: string, because: string): TsbError {
  return new TsbError('TSB_REGISTRY_NOT_FOUND', `registry does not have \`${subject}\`${because}`, {
    fault: 'remote',
    hint: 'check the spelling of repository and tag',
  })
}

function parseProblems(text: string): readonly AnsweredProblem[] {
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body !== 'object' || body === null || !('errors' in body) || !Array.isArray(body.errors)) return []
    return body.errors.slice(0, 5).map((entry: unknown) => ({ code: member(entry, 'code'), message: member(entry, 'message') }))
  } catch {
    return []
  }
}

/** Foreign text on its way into a message: one line, printable, short. */
function member(entry: unknown, name: string): string {
  const value = typeof entry === 'object' && entry !== null ? (entry as Record<string, unknown>)[name] : undefined
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal escapes are what must not pass
  return typeof value === 'string' ? value.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, 300) : ''
}

async function readSome(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk)
      size += chunk.byteLength
      if (size >= ERROR_BODY_BYTES) break
    }
  } catch {
    // the status says enough
  }
  return Buffer.concat(chunks).toString('utf8')
}

function reasonOf(cause: unknown): string {
  const code = causeCode(cause)
  if (code !== '') return code
  return cause instanceof Error ? cause.message : String(cause)
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url
}
