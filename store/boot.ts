import { readFileSync } from 'node:fs'

/** What the kernel calls the time since this machine started: another one after every start, the same in all containers. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
}
