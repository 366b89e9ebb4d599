import { connect, type Socket } from 'node:net'
import { createFrames, frame } from './frames.ts'
import type { AgentKey } from './private-key.ts'
import { sshReader, sshString, sshUint32 } from './wire.ts'

/** Numbers of messages (draft-miller-ssh-agent, section 5.1). */
const FAILURE = 5
const REQUEST_IDENTITIES = 11
const IDENTITIES_ANSWER = 12
const SIGN_REQUEST = 13
const SIGN_RESPONSE = 14

/** What answers the requests of one connection, in their order. */
export interface Answerer {
  answer(request: Buffer): Promise<Buffer>
  close(): void
}

const REFUSED = Buffer.of(FAILURE)

/** An agent of our own, which has `keys` and nothing else. */
export function keyAnswerer(keys: readonly AgentKey[]): Answerer {
  return {
    answer: async (request) => {
      switch (request[0]) {
        case REQUEST_IDENTITIES: {
          const identities = keys.flatMap(({ blob }) => [sshString(blob), sshString('')])
          return Buffer.concat([Buffer.of(IDENTITIES_ANSWER), sshUint32(keys.length), ...identities])
        }
        case SIGN_REQUEST:
          return signed(keys, request)
        default:
          return REFUSED
      }
    },
    close: () => undefined,
  }
}

/** The user's agent: it is asked for keys and signatures only, so that no step can lock it or take keys away. */
export function socketAnswerer(path: string): Answerer {
  let agent: Agent | undefined
  return {
    answer: async (request) => {
      if (request[0] !== REQUEST_IDENTITIES && request[0] !== SIGN_REQUEST) return REFUSED
      agent ??= openAgent(path)
      return agent.ask(request).catch(() => REFUSED)
    },
    close: () => agent?.socket.destroy(),
  }
}

function signed(keys: readonly AgentKey[], request: Buffer): Buffer {
  try {
    const reader = sshReader(request.subarray(1))
    const blob = reader.string()
    const data = reader.string()
    const flags = reader.uint32()
    const key = keys.find((each) => each.blob.equals(blob))
    return key === undefined ? REFUSED : Buffer.concat([Buffer.of(SIGN_RESPONSE), sshString(key.sign(data, flags))])
  } catch {
    return REFUSED
  }
}

interface Agent {
  readonly socket: Socket
  ask(request: Buffer): Promise<Buffer>
}

function openAgent(path: string): Agent {
  const socket = connect(path)
  const waiting: { resolve: (answer: Buffer) => void; reject: (cause: Error) => void }[] = []
  const fail = (): void => {
    for (const { reject } of waiting.splice(0)) reject(new Error('the agent has gone'))
  }
  socket.on('error', fail)
  socket.on('close', fail)
  socket.on(
    'data',
    createFrames(
      (answer) => waiting.shift()?.resolve(answer),
      () => socket.destroy(),
    ),
  )
  return {
    socket,
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(new Error('the agent has gone'))
        waiting.push({ resolve, reject })
        socket.write(frame(request))
      }),
  }
}
