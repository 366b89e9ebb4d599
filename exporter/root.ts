import type { LayerPaths, Native, OutputFile } from '../native/types.ts'

/** A finished root: its overlay layers, bottom first. */
export interface ExportedRoot {
  readonly layers: LayerPaths
  /** Seconds since 1970: the time of everything in it. */
  readonly time?: number
}

/** Writes the merged root as one plain tar (`--output type=tar`). @throws TsbError what the native side reports */
export async function exportRootTar(native: Native, root: ExportedRoot, output: OutputFile, signal: AbortSignal): Promise<void> {
  await native.exportTar({ ...root, output }, signal)
}

/**
 * Copies the merged root into a directory (`--output type=local`), made when missing; other files in it stay.
 * @throws TsbError what the native side reports
 */
export async function exportRootDirectory(native: Native, root: ExportedRoot, destination: string, signal: AbortSignal): Promise<void> {
  await native.exportDirectory({ ...root, destination }, signal)
}
