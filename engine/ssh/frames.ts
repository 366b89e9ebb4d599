import { sshString } from './wire.ts'

/** As large as OpenSSH's agent takes them. */
const MAX_FRAME = 256 << 10

/** A message as it goes over the socket. */
export function frame(message: Uint8Array): Buffer {
  return sshString(message)
}

/** Takes bytes as they come, and calls `onMessage` for each whole message; `onExcess` when one is longer than any may be. */
export function createFrames(onMessage: (message: Buffer) => void, onExcess: () => void): (chunk: Uint8Array) => void {
  let rest = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4) {
      const length = rest.readUInt32BE()
      if (length === 0 || length > MAX_FRAME) return onExcess()
      if (rest.length < 4 + length) return
      const message = rest.subarray(4, 4 + length)
      rest = rest.subarray(4 + length)
      onMessage(message)
    }
  }
}
