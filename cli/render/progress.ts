import type { Diagnostic } from '../../core/diagnostic.ts'
import type { BuildEvent, OnEvent } from '../../core/event.ts'
import type { ProgressMode } from './mode.ts'
import { palette } from './palette.ts'
import type { Renderer } from './renderer.ts'
import type { Terminal } from './terminal.ts'
import { renderWarnings } from './warnings.ts'

/** A build's progress on stderr. */
export interface ProgressDisplay {
  readonly onEvent: OnEvent
  /** Ends the display and prints the warnings of a build that went well. Safe to call again. */
  close(): void
}

const TICK_MS = 100

/** Starts the renderer of `mode` and its clock. Time is asked of `now` only between events, to show it passing. */
export async function openProgress(
  mode: ProgressMode,
  terminal: Terminal,
  env: Readonly<Record<string, string | undefined>>,
  now: () => number,
): Promise<ProgressDisplay> {
  const output = gather((text) => terminal.stderr.write(text))
  const renderer = await createRenderer(mode, terminal, env, output.write)
  const timer = setInterval(() => renderer.tick(now()), TICK_MS)
  // Where the process ends without `close` (a second Ctrl-C), the cursor must come back all the same.
  const restore = (): void => {
    renderer.close()
    output.flush()
  }
  process.once('exit', restore)
  const warnings: Diagnostic[] = []
  let isOpen = true
  return {
    onEvent: (event: BuildEvent) => {
      if (event.kind === 'diagnostic') warnings.push(event.diagnostic)
      renderer.event(event)
    },
    close: () => {
      if (!isOpen) return
      isOpen = false
      clearInterval(timer)
      process.off('exit', restore)
      restore()
      const isForPeople = mode === 'plain' || mode === 'tty'
      if (isForPeople) terminal.stderr.write(renderWarnings(warnings, palette(terminal.stderr, env)))
    },
  }
}

/** Writes together what comes in one turn of the event loop: a thousand steps that are cached need not be as many system calls. */
function gather(write: (text: string) => void): { write(text: string): void; flush(): void } {
  let parts: string[] = []
  const flush = (): void => {
    const text = parts.join('')
    parts = []
    if (text !== '') write(text)
  }
  return {
    write: (text) => {
      if (parts.push(text) === 1) setImmediate(flush)
    },
    flush,
  }
}

/** Loads only the renderer that is wanted: start-up pays for every module. */
async function createRenderer(
  mode: ProgressMode,
  terminal: Terminal,
  env: Readonly<Record<string, string | undefined>>,
  write: (text: string) => void,
): Promise<Renderer> {
  switch (mode) {
    case 'plain': {
      const { PlainRenderer } = await import('./plain.ts')
      return new PlainRenderer(write)
    }
    case 'tty': {
      const { TtyRenderer } = await import('./tty.ts')
      return new TtyRenderer(terminal, env)
    }
    case 'quiet': {
      const { QuietRenderer } = await import('./quiet.ts')
      return new QuietRenderer(write)
    }
    case 'rawjson': {
      const { RawJsonRenderer } = await import('./rawjson.ts')
      return new RawJsonRenderer(write)
    }
  }
}
