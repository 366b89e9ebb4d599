import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join, posix } from 'node:path'
import { type SeenRequest, startServer, type TestServer } from './http-server.ts'

/**
 * Serves the files of a folder, with entity tags and times by which they can be asked for again, and the git repositories in it
 * (whatever ends in `.git`) by git's own `http-backend`.
 */
export function startWebServer(root: string): Promise<TestServer> {
  return startServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://host')
    const path = posix.normalize(decodeURIComponent(pathname))
    if (/\.git\//.test(path)) return serveGit(root, path, request, response)
    serveFile(join(root, path), request, response)
  })
}

function serveFile(file: string, { method, headers }: SeenRequest, response: ServerResponse): void {
  if (!existsSync(file) || !statSync(file).isFile()) return void response.writeHead(404).end()
  const content = readFileSync(file)
  const etag = `"${createHash('sha256').update(content).digest('hex').slice(0, 16)}"`
  const modified = statSync(file).mtime
  modified.setMilliseconds(0)
  const since = Date.parse(headers['if-modified-since'] ?? '')
  const tags = headers['if-none-match']
  const unchanged = tags === undefined ? modified.getTime() <= since : tags.includes(etag)
  const known = { ETag: etag, 'Last-Modified': modified.toUTCString() }
  if (unchanged) return void response.writeHead(304, known).end()
  response.writeHead(200, { ...known, 'Content-Length': content.byteLength })
  response.end(method === 'HEAD' ? '' : content)
}

/** RFC 3875, as far as git needs it. */
function serveGit(root: string, path: string, { method, url, headers, body }: SeenRequest, response: ServerResponse): void {
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      PATH_INFO: path,
      QUERY_STRING: new URL(url, 'http://host').search.slice(1),
      REQUEST_METHOD: method,
      CONTENT_TYPE: headers['content-type'] ?? '',
      CONTENT_LENGTH: String(body.byteLength),
      HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
    },
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stdin.on('error', () => undefined)
  child.stdin.end(body)
  child.on('close', () => {
    const answer = Buffer.concat(chunks)
    const end = answer.indexOf('\r\n\r\n')
    const fields = answer.subarray(0, Math.max(end, 0)).toString().split('\r\n')
    const pairs = fields.map((line) => [line.replace(/:.*$/, ''), line.replace(/^[^:]*: */, '')] as const)
    const status = Number.parseInt(pairs.find(([name]) => name === 'Status')?.[1] ?? '200', 10)
    response.writeHead(end < 0 ? 500 : status, Object.fromEntries(pairs.filter(([name]) => name !== 'Status' && name !== '')))
    response.end(answer.subarray(end + 4))
  })
}
