import type { ImagePlan } from '../../core/image-plan.ts'
import type { OutputSpec } from '../../exporter/types.ts'

/** An output that holds an image, and not only its files. */
export type ImageOutput = Extract<OutputSpec, { type: 'image' | 'oci' | 'docker' }>

/** Seconds since 1970. */
export interface ImageTimes {
  /** Nothing that the build adds to config and history is later. */
  readonly latest: number | undefined
  /** And no file of the layers that it adds. */
  readonly rewrite: number | undefined
}

/** What an output makes of the build's epoch: with `rewrite-timestamp`, but without an epoch, there is nothing to rewrite to. */
export function imageTimes({ epoch }: ImagePlan, output: OutputSpec | undefined): ImageTimes {
  const own = output?.times?.epoch
  const latest = own === undefined ? epoch : own === 'none' ? undefined : own
  return { latest, rewrite: output?.times?.rewrite === true ? latest : undefined }
}

/** The output whose image is the build's: with its id, and the tags. */
export function mainOutput(outputs: readonly OutputSpec[]): ImageOutput | undefined {
  return outputs.find(isImageOutput)
}

/** Whether an output holds an image. */
export function isImageOutput(output: OutputSpec): output is ImageOutput {
  return output.type !== 'tar' && output.type !== 'local'
}
