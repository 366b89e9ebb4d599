import { randomBytes } from 'node:crypto'
import { chmod, chown, constants, open } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Answerer } from './answer.ts'
import { createFrames, frame } from './frames.ts'

/** A socket that an SSH agent listens on. Disposing ends it. */
export interface AgentSocket extends AsyncDisposable {
  readonly path: string
}

/** Who may use it. */
export interface SocketOwner {
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** Listens in `directory`; each connection gets an answerer of its own. */
export async function serveAgent(answerer: () => Answerer, owner: SocketOwner, directory: string): Promise<AgentSocket> {
  const name = `agent-${randomBytes(8).toString('hex')}`
  const path = join(directory, name)
  const connections = new Set<Socket>()
  const server = createServer((socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
    serve(socket, answerer())
  })
  // By an open directory: the address of a socket has room for 107 bytes, however deep the store lies.
  const handle = await open(directory, constants.O_DIRECTORY | constants.O_RDONLY)
  const close = async (): Promise<void> => {
    for (const socket of connections) socket.destroy()
    await new Promise<void>((resolve) => server.close(() => resolve()))
    await handle.close()
  }
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(`/proc/self/fd/${handle.fd}/${name}`, resolve)
    })
    await chown(path, owner.uid, owner.gid)
    await chmod(path, owner.mode & 0o777)
  } catch (error) {
    await close()
    throw error
  }
  return { path, [Symbol.asyncDispose]: close }
}

function serve(socket: Socket, answerer: Answerer): void {
  let last = Promise.resolve()
  const reply = async (before: Promise<void>, request: Buffer): Promise<void> => {
    const answer = await answerer.answer(request)
    await before
    if (!socket.destroyed) socket.write(frame(answer))
  }
  socket.on(
    'data',
    createFrames(
      (request) => (last = reply(last, request)),
      () => socket.destroy(),
    ),
  )
  // Whoever hangs up in the middle wants no answer.
  socket.on('error', () => socket.destroy())
  socket.on('close', () => answerer.close())
}
