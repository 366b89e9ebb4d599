import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from '../support/paths.ts'

export interface SourceFile {
  /** Relative to the repository. */
  readonly path: string
  readonly lines: readonly string[]
}

const GENERATED = new Set(['node_modules', 'target', 'dist'])

/** The files below some folders whose names end in `extension`, in order of path. */
export function sourceFiles(folders: readonly string[], extension: string): SourceFile[] {
  return folders.flatMap((folder) => walk(folder, extension)).map((path) => ({ path, lines: readLines(path) }))
}

function walk(folder: string, extension: string): string[] {
  const entries = readdirSync(join(REPOSITORY, folder), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return GENERATED.has(entry.name) ? [] : walk(path, extension)
    return entry.name.endsWith(extension) ? [path] : []
  })
}

function readLines(path: string): string[] {
  const lines = readFileSync(join(REPOSITORY, path), 'utf8').split('\n')
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}
