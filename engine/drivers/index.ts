import type { Drivers } from '../../solver/driver.ts'
import type { Building } from '../building.ts'
import type { ContextSource } from '../contexts/types.ts'
import type { RunResources } from '../mounts/resources.ts'
import { fileDriver } from './file.ts'
import { imageDriver } from './image.ts'
import { localDriver } from './local.ts'
import { mergeDriver } from './merge.ts'
import { gitDriver, httpDriver } from './remote.ts'
import type { StepResult } from './result.ts'
import { runDriver } from './run.ts'
import { scratchDriver } from './scratch.ts'
import { stepContext } from './step-context.ts'

/** A driver for every op there is; `contexts` are what the names of `local` ops stand for, `resources` what RUN steps share. */
export function createDrivers(
  building: Building,
  contexts: ReadonlyMap<string, ContextSource>,
  resources: RunResources,
): Drivers<StepResult> {
  const { session, options } = building
  const context = stepContext(session, options)
  const file = fileDriver(context)
  return {
    scratch: scratchDriver(session.snapshotter),
    image: imageDriver(session),
    local: localDriver(session.snapshotter, contexts),
    http: httpDriver(building),
    git: gitDriver(building),
    run: runDriver({ ...context, session, resources }),
    file,
    merge: mergeDriver(context, file),
  }
}
