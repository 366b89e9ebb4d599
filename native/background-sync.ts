import { spawn } from 'node:child_process'
import { runnerPath } from './load.ts'

/**
 * Makes the file system that holds `path` durable in a process of its own: one that waits for a disk cannot be killed,
 * and a thread that does would keep this process from ending.
 * @param onDone called after success, if this process still lives
 */
export function startSync(path: string, onDone: () => void): void {
  const child = spawn(runnerPath(), ['sync', path], { stdio: 'ignore' })
  child.unref()
  // What cannot be started has not synced.
  child.once('error', () => undefined)
  child.once('exit', (code) => {
    if (code === 0) onDone()
  })
}
