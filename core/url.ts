/** A URL fit for a message: no user name, no password, no query (signed links carry their secret there), no fragment. */
export function redactUrl(url: string): string {
  try {
    const parsed = new URL(url)
    // `origin` is `null` for all but the web's schemes.
    return `${parsed.protocol}//${parsed.host}${parsed.pathname}`
  } catch {
    return url.replace(/[?#].*$/s, '')
  }
}

/** A text with the user names and passwords of the URLs in it made unreadable, as BuildKit does. An ssh URL's user alone is no secret. */
export function hideCredentials(text: string): string {
  return text.replace(/\b(https?:\/\/)[^\s/?#]+@/gi, '$1xxxxx@').replace(/\b((?:ssh|git):\/\/[^\s/?#@:]+):[^\s/?#]*@/gi, '$1:xxxxx@')
}

/** A URL and the user name and password that stood in it. */
export interface SplitUrl {
  readonly url: string
  readonly credentials?: { readonly username: string; readonly password: string }
}

/** Takes user name and password out of an `http(s)` URL (up to the last `@` of its authority, as everybody reads it): they go into a header, never into a program's arguments or a message. */
export function splitCredentials(url: string): SplitUrl {
  const found = /^(https?:\/\/)([^/?#]*)@(.*)$/is.exec(url)
  if (found === null) return { url }
  const [, scheme = '', user = '', rest = ''] = found
  const [username = '', password = ''] = user.split(/:(.*)/s).map(decode)
  return { url: `${scheme}${rest}`, credentials: { username, password } }
}

/** RFC 7617. */
export function basicAuthorization({ username, password }: NonNullable<SplitUrl['credentials']>): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
