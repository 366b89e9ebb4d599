/** Where results and messages go. Nothing else in the tree writes to the standard streams. */
export interface Terminal {
  readonly stdin: Input
  /** Results: image IDs, tables, archives. */
  readonly stdout: Output
  /** Progress, warnings, errors. */
  readonly stderr: Output
  /** Of the terminal behind stderr; 80 by 24 when there is none. */
  size(): TerminalSize
  /** Calls `listener` after each change of the size until the returned function is called. */
  onResize(listener: () => void): () => void
  /** Calls `listener` once the reader of stdout has gone away. */
  onClosed(listener: () => void): void
}

export interface Input {
  readonly isTerminal: boolean
  /** The next line, without its end; empty when there is none. */
  readLine(): Promise<string>
}

export interface Output {
  readonly isTerminal: boolean
  write(text: string | Uint8Array): void
  /** Resolves when a reader that is slower than us has got all of it: a process that ends before takes the rest with it. */
  drained(): Promise<void>
}

export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

/** The terminal of this process. A reader that went away is never an error. */
export function processTerminal(): Terminal {
  const closed: (() => void)[] = []
  return {
    stdin: {
      // Opening `process.stdin` costs a module load and a handle that most commands never need.
      get isTerminal() {
        return process.stdin.isTTY === true
      },
      readLine,
    },
    stdout: output(
      () => process.stdout,
      () => {
        for (const listener of closed) listener()
      },
    ),
    stderr: output(
      () => process.stderr,
      () => {},
    ),
    size: () => ({ columns: process.stderr.columns || 80, rows: process.stderr.rows || 24 }),
    onResize: (listener) => {
      process.stderr.on('resize', listener)
      return () => process.stderr.off('resize', listener)
    },
    onClosed: (listener) => {
      closed.push(listener)
    },
  }
}

async function readLine(): Promise<string> {
  const { createInterface } = await import('node:readline')
  const lines = createInterface({ input: process.stdin })
  try {
    for await (const line of lines) return line
    return ''
  } finally {
    lines.close()
    process.stdin.pause()
  }
}

type Stream = NodeJS.WriteStream

function output(stream: () => Stream, onClosed: () => void): Output {
  let opened: Stream | undefined
  let usable = true
  const open = (): Stream => {
    if (opened === undefined) {
      opened = stream()
      // EPIPE and EIO (a terminal that hung up) arrive here; without a listener they would end the process with a trace.
      opened.on('error', () => {
        usable = false
        onClosed()
      })
    }
    return opened
  }
  return {
    get isTerminal() {
      return open().isTTY === true
    },
    write: (text) => {
      if (usable) open().write(text)
    },
    drained: async () => {
      if (!usable || opened === undefined || opened.writableLength === 0) return
      await new Promise<void>((resolve) => open().write('', () => resolve()))
    },
  }
}
