import { interrupted, isTsbError, TsbError, toTsbError } from '../core/error.ts'

/** An archive that is not what it should be. */
export function invalidArchive(why: string, cause?: unknown): TsbError {
  return new TsbError('TSB_ARCHIVE_INVALID', `not a usable image archive: ${why}`, {
    fault: 'input',
    hint: 'make it with `docker save`, `podman save`, `skopeo copy` or `tsbuild save`',
    cause,
  })
}

/** An archive that refers to something it does not have. */
export function missingInArchive(name: string): TsbError {
  return new TsbError('TSB_ARCHIVE_INCOMPLETE', `the archive has no \`${name}\`, which its image needs`, {
    fault: 'input',
    hint: 'make the archive again: it was cut short or edited',
  })
}

/** Content that does not match its digest, or its size. */
export function archiveDigestError(name: string, expected: string, found?: string): TsbError {
  const what = found === undefined ? `it is not \`${expected}\`` : `expected \`${expected}\`, found \`${found}\``
  return new TsbError('TSB_ARCHIVE_DIGEST', `\`${name}\` in the archive is damaged: ${what}`, {
    fault: 'input',
    hint: 'make or copy the archive again',
  })
}

/** A name that would lead out of an archive. */
export function pathError(name: string): TsbError {
  return new TsbError(
    'TSB_ARCHIVE_PATH',
    `the archive has the name \`${name.replace(/[^\x20-\x7e]/g, '?').slice(0, 200)}\`, which leads out of it`,
    {
      fault: 'input',
      hint: 'do not trust where this archive comes from',
    },
  )
}

/** Whatever went wrong while reading an archive, as an error of ours: the disk's fault, or the archive's. */
export function readError(error: unknown, signal: AbortSignal): TsbError {
  if (signal.aborted) return interrupted()
  if (isTsbError(error)) return error
  const known = toTsbError(error)
  if (known.code !== 'TSB_BUG') return known
  const code = error instanceof Error && 'errno' in error && 'syscall' in error ? error.message : undefined
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
    return new TsbError('TSB_ARCHIVE_MISSING', `there is no archive: ${error.message}`, {
      fault: 'input',
      hint: 'check the path',
      cause: error,
    })
  }
  if (code === undefined) return invalidArchive(error instanceof Error ? error.message : String(error), error)
  return new TsbError('TSB_ARCHIVE_READ', `cannot take the archive in: ${code}`, {
    fault: 'host',
    hint: 'check that the archive can be read, and that the store has space left',
    cause: error,
  })
}

/** The same error, naming the file that the user gave, when it is this file's fault. */
export function inArchive(error: unknown, file: string, remedy: string): unknown {
  if (!isTsbError(error) || error.fault !== 'input' || error.message.includes(`\`${file}\``)) return error
  const name = file === '-' ? 'standard input' : `\`${file}\``
  return new TsbError(error.code, `cannot use ${name}: ${error.message}`, { fault: 'input', hint: error.hint ?? remedy, cause: error })
}
