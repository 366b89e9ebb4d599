import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { BUSYBOX_ROOT } from '../support/paths.ts'
import { openTsbuild, type Tsbuild } from '../support/tsbuild.ts'

/** A store with one image, `busybox`, and a directory to build in. */
export interface Project extends AsyncDisposable {
  readonly tsbuild: Tsbuild
  readonly directory: string
  write(files: Readonly<Record<string, string>>): void
}

/** Makes a project of some files: path to text. */
export async function openProject(files: Readonly<Record<string, string>>): Promise<Project> {
  const tsbuild = await openTsbuild()
  await tsbuild.must(['import', BUSYBOX_ROOT, 'busybox'])
  const directory = mkdtempSync(join(tmpdir(), 'tsbuild-project-'))
  const write = (more: Readonly<Record<string, string>>): void => {
    for (const [path, text] of Object.entries(more)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true })
      writeFileSync(join(directory, path), text)
    }
  }
  write(files)
  return {
    tsbuild,
    directory,
    write,
    [Symbol.asyncDispose]: async () => {
      rmSync(directory, { recursive: true, force: true })
      await tsbuild[Symbol.asyncDispose]()
    },
  }
}
