import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadNative } from '../../../native/index.ts'

/** Looks at what a store takes all the time. */
export interface WatchedStore {
  /** @returns the most bytes that were seen */
  stop(): Promise<number>
}

/** How often. */
const SAMPLE_MS = 20

/** Measures a directory until it is stopped, once more then. */
export function watchStore(root: string): WatchedStore {
  const native = loadNative()
  let isOn = true
  let most = 0
  const measure = async (): Promise<number> => (await native.measure([root]))[0]?.bytes ?? 0
  const look = async (): Promise<void> => {
    const taken = await measure()
    // What was moved while it was counted may have been counted twice.
    if (taken > most) most = Math.max(most, Math.min(taken, await measure()))
  }
  const watching = (async () => {
    while (isOn) {
      await look()
      await sleep(SAMPLE_MS)
    }
    await look()
  })()
  return {
    stop: async () => {
      isOn = false
      await watching
      return most
    },
  }
}

/** What `du` says. */
export function allocatedBytes(root: string): number {
  return Number(execFileSync('du', ['-s', '--block-size=1', root], { encoding: 'utf8' }).split('\t')[0])
}
