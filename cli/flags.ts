import type { Command, Option } from 'commander'
import { TsbError } from '../core/error.ts'

/** For a flag that may be given several times. */
export function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value]
}

/**
 * Rewrites what docker's flag parser (Go's pflag) reads and commander does not: `--rm=false`, `--pull=true`, `-t=app`.
 * Everything after `--`, and after the first operand when `passThrough` says so, is left as it is.
 * @throws TsbError `TSB_USAGE_INVALID_VALUE` for a switch whose value is no boolean
 */
export function normaliseFlags(command: Command, argv: readonly string[], passThrough: boolean): string[] {
  const result: string[] = []
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] as string
    const isOperand = word === '-' || !word.startsWith('-')
    if (word === '--' || (isOperand && passThrough)) return [...result, ...argv.slice(index)]
    if (isOperand) {
      result.push(word)
      continue
    }
    const read = word.startsWith('--') ? longFlag(command, word) : shortFlags(command, word)
    result.push(...read.words)
    const next = argv[index + 1]
    if (read.takesNext && next !== undefined) {
      result.push(next)
      index++
    }
  }
  return result
}

interface ReadFlag {
  readonly words: readonly string[]
  /** The value is the next argument. */
  readonly takesNext: boolean
}

function longFlag(command: Command, word: string): ReadFlag {
  const equals = word.indexOf('=')
  const name = equals < 0 ? word : word.slice(0, equals)
  const option = command.options.find((each) => each.long === name)
  if (option === undefined) return { words: [word], takesNext: false }
  if (takesValue(option)) return { words: [word], takesNext: equals < 0 }
  if (equals < 0) return { words: [word], takesNext: false }
  return { words: readBoolean(name, word.slice(equals + 1)) ? [name] : [], takesNext: false }
}

/** `-it`, `-tapp`, `-t=app`, `-itapp`: switches, of which the last may take a value. */
function shortFlags(command: Command, word: string): ReadFlag {
  for (let index = 1; index < word.length; index++) {
    const option = command.options.find((each) => each.short === `-${word[index]}`)
    if (option === undefined) return { words: [word], takesNext: false }
    if (!takesValue(option)) continue
    const value = word.slice(index + 1)
    return value.startsWith('=')
      ? { words: [word.slice(0, index + 1), value.slice(1)], takesNext: false }
      : { words: [word], takesNext: value === '' }
  }
  return { words: [word], takesNext: false }
}

function takesValue(option: Option): boolean {
  return option.required || option.optional
}

function readBoolean(name: string, text: string): boolean {
  if (/^(?:1|t|true)$/i.test(text)) return true
  if (/^(?:0|f|false)$/i.test(text)) return false
  throw new TsbError('TSB_USAGE_INVALID_VALUE', `\`${text}\` is not a boolean for \`${name}\``, {
    fault: 'usage',
    hint: `write \`${name}\` or \`${name}=false\``,
  })
}
