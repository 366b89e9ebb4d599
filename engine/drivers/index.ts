import type { ContextDirectory } from '../../snapshotter/context.ts'
import type { Drivers } from '../../solver/driver.ts'
import type { Session } from '../session.ts'
import { type ExplainMissing, fileDriver } from './file.ts'
import { imageDriver } from './image.ts'
import { localDriver } from './local.ts'
import type { StepResult } from './result.ts'
import { runDriver } from './run.ts'
import { scratchDriver } from './scratch.ts'

/** A driver for every op there is. */
export function createDrivers(
  session: Session,
  directories: ReadonlyMap<string, ContextDirectory>,
  explainMissing: ExplainMissing,
): Drivers<StepResult> {
  return {
    scratch: scratchDriver(session.snapshotter),
    image: imageDriver(session),
    local: localDriver(session.snapshotter, directories),
    run: runDriver(session),
    file: fileDriver(session.snapshotter, explainMissing),
  }
}
