import { readFileSync, statSync } from 'node:fs'
import { TsbError } from '../../core/error.ts'

/** The error of a database that another program keeps locked, with the name of that program where it can be seen. */
export function storeBusy(database: string, cause: unknown): TsbError {
  const holders = lockHolders(database).map((pid) => `\`${commandOf(pid)}\` (pid ${pid})`)
  const who = holders.length === 0 ? 'another program' : holders.join(', ')
  return new TsbError('TSB_STORE_BUSY', `${who} keeps the store's database \`${database}\` locked`, {
    fault: 'host',
    hint: holders.length === 0 ? 'end that program, and try again' : 'wait for it or end it, and try again',
    cause,
  })
}

/** Pids of others that have a write lock on one of the database's files. proc_locks(5): `1: POSIX ADVISORY WRITE PID MAJOR:MINOR:INODE …` */
function lockHolders(database: string): readonly number[] {
  const inodes = ['', '-wal', '-shm'].flatMap((suffix) => statSync(database + suffix, { throwIfNoEntry: false })?.ino ?? [])
  const pids = readFileSync('/proc/locks', 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , access, , file]) => access === 'WRITE' && inodes.includes(Number(file?.split(':')[2])))
    .map(([, , , , pid]) => Number(pid))
  return [...new Set(pids)].filter((pid) => pid > 0 && pid !== process.pid)
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return 'a program that has ended'
  }
}
