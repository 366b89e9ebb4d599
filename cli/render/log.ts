import { StringDecoder } from 'node:string_decoder'

/** Escape sequences (CSI, OSC, others) that a program in a step may send; a build's output must not steer our terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin and end with them
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~]?)/g
/** Controls, and marks that let a text read in another order than it is (bidirectional embeddings, overrides and isolates). */
const CONTROLS = /[^\P{Cc}\t]|[\u202a-\u202e\u2066-\u2069]/gu
/** A line without an end is cut here: it would grow without bound otherwise. */
const MAX_LINE = 16_384

export type LogStream = 'stdout' | 'stderr'

/**
 * Turns the byte chunks of one step into clean lines. Chunks may end anywhere, within a character too; each stream
 * has its own rest. Of a line redrawn with carriage returns (a progress bar) the last state counts.
 */
export class LogLines {
  readonly #rests: Record<LogStream, { decoder: StringDecoder; text: string }> = {
    stdout: { decoder: new StringDecoder('utf8'), text: '' },
    stderr: { decoder: new StringDecoder('utf8'), text: '' },
  }

  /** Takes a chunk; gives the lines that it completes. */
  push(stream: LogStream, data: Uint8Array): string[] {
    const rest = this.#rests[stream]
    const pieces = (rest.text + rest.decoder.write(Buffer.from(data))).split('\n')
    rest.text = pieces.pop() ?? ''
    if (rest.text.length > MAX_LINE) {
      pieces.push(rest.text)
      rest.text = ''
    }
    return pieces.map(cleanLine)
  }

  /** What stands after the last line end, as a terminal would show it now. */
  get partial(): string {
    return cleanLine(this.#rests.stderr.text || this.#rests.stdout.text)
  }

  /** The rests as lines; called once, at the end. */
  flush(): string[] {
    const lines: string[] = []
    for (const rest of Object.values(this.#rests)) {
      const text = rest.text + rest.decoder.end()
      rest.text = ''
      if (text !== '') lines.push(cleanLine(text))
    }
    return lines
  }
}

/** One line as printable text: no escape sequences, no controls but tabs, only the last state of a redrawn line. */
export function cleanLine(line: string): string {
  const plain = line.replace(ESCAPES, '').replace(/\r+$/, '')
  return plain.slice(plain.lastIndexOf('\r') + 1).replace(CONTROLS, '')
}

/** A name or message as one clean line: both quote the user's files and remote servers. */
export function oneLine(text: string): string {
  return cleanLine(text.replace(/\s*\n\s*/g, ' '))
}
