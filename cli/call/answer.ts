import { basename, join } from 'node:path'
import type { SourceFile } from '../../core/span.ts'
import type { BuildOptions, CallAnswer } from '../../engine/types.ts'
import type { CliHost } from '../host.ts'
import { checkText } from './check-text.ts'
import { callJson } from './json.ts'
import type { CallOption } from './option.ts'
import { outlineText, targetsText } from './outline-text.ts'

/**
 * Prints the answer to `--call` on stdout, in buildx's shape. Gives docker's exit code: 1 when the build checks found something.
 * @throws TsbError what makes the file impossible to build, after what was found of it is printed
 */
export function printAnswer(answer: CallAnswer, option: CallOption, options: BuildOptions, host: CliHost): number {
  const { stdout, stderr } = host.terminal
  for (const image of answer.assumed)
    stderr.write(`note: \`${image}\` could not be looked up, and is taken for an image with an empty config\n`)
  if (option.json) stdout.write(`${callJson(answer, (file) => basename(file.name))}\n`)
  else stdout.write(text(answer, options))
  if (answer.kind !== 'check') return 0
  if (answer.report.failure !== undefined) throw answer.report.failure
  return answer.report.warnings.length > 0 && !option.ignoreStatus ? 1 : 0
}

function text(answer: CallAnswer, options: BuildOptions): string {
  switch (answer.kind) {
    case 'check':
      return checkText(answer.report, displayName(answer.report.file, options))
    case 'outline':
      return outlineText(answer.outline)
    case 'targets':
      return targetsText(answer.list)
  }
}

/** The file as seen from the working directory: as the user named it, or in the context. */
function displayName(file: SourceFile, { context, file: given }: BuildOptions): string {
  if (given === '-') return file.name
  return given ?? join(context, file.name)
}
