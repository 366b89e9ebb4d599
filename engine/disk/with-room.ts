import type { Op } from '../../core/op.ts'
import type { Driver, Drivers } from '../../solver/driver.ts'
import { copiedBytes } from '../drivers/file.ts'
import type { StepResult } from '../drivers/result.ts'
import type { Session } from '../session.ts'

/** Drivers that make sure of room before they write layers, and hand in none that is too large. Without a guard they are what they were. */
export function withRoom(drivers: Drivers<StepResult>, { disk, snapshotter }: Session): Drivers<StepResult> {
  if (!disk.areOut) return drivers
  const wrap = <O extends Op>(
    driver: Driver<O, StepResult>,
    bytesOf: (op: O, inputs: readonly StepResult[]) => Promise<number>,
  ): Driver<O, StepResult> => ({
    ...driver,
    execute: async (op, inputs, execution) => {
      await disk.room({ bytes: await bytesOf(op, inputs) }, execution.signal)
      const executed = await driver.execute(op, inputs, execution)
      await disk.check()
      return executed
    },
  })
  const unknown = async (): Promise<number> => 0
  const { image, http, git, run, file, merge } = drivers
  return {
    ...drivers,
    image: wrap(image, unknown),
    http: wrap(http, unknown),
    git: wrap(git, unknown),
    run: wrap(run, unknown),
    file: wrap(file, (op, inputs) => copiedBytes(snapshotter, op, inputs)),
    merge: wrap(merge, unknown),
  }
}
