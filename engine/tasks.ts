import type { Effects } from '../core/effects.ts'
import { toTsbError } from '../core/error.ts'
import type { OnEvent } from '../core/event.ts'

/** Reports how far a task is: bytes or files of one item. */
export type TaskProgress = (item: string, current: number, total?: number) => void

/** Does work outside the graph and announces its begin and its end, however it ends. */
export type RunTask = <T>(name: string, work: (progress: TaskProgress) => Promise<T>) => Promise<T>

/** Tasks of one build, numbered in the order they begin. */
export function taskRunner(effects: Pick<Effects, 'now'>, onEvent: OnEvent): RunTask {
  let count = 0
  return async (name, work) => {
    count += 1
    const id = `task-${count}`
    onEvent({ kind: 'task-started', time: effects.now(), id, name })
    try {
      const result = await work((item, current, total) =>
        onEvent({ kind: 'task-progress', time: effects.now(), id, item, current, ...(total === undefined ? {} : { total }) }),
      )
      onEvent({ kind: 'task-done', time: effects.now(), id })
      return result
    } catch (error) {
      onEvent({ kind: 'task-done', time: effects.now(), id, error: toTsbError(error).message })
      throw error
    }
  }
}
