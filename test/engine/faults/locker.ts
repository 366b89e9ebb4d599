import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'

/** A process that holds a database's write lock. Disposing ends it. */
export interface Locker extends AsyncDisposable {
  readonly pid: number
  /** Gives the lock back. */
  end(): void
}

const SCRIPT = `
  const Database = require(process.argv[1])
  const connection = new Database(process.argv[2])
  connection.exec('BEGIN EXCLUSIVE')
  console.log('locked')
  process.stdin.resume().on('end', () => { connection.exec('ROLLBACK'); connection.close() })`

export async function lockDatabase(path: string): Promise<Locker> {
  const sqlite = createRequire(import.meta.url).resolve('better-sqlite3')
  const child = spawn(process.execPath, ['-e', SCRIPT, sqlite, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  await once(child.stdout, 'data')
  return {
    pid: child.pid ?? 0,
    end: () => void child.stdin.end(),
    [Symbol.asyncDispose]: async () => {
      child.stdin.end()
      await exited
    },
  }
}
