import type { Outline, OutlineRequest, TargetList } from '../../engine/types.ts'
import { oneLine } from '../render/log.ts'
import { displayWidth } from '../render/width.ts'

/** `--call=outline` as buildx prints it. */
export function outlineText({ name, description, args, secrets, ssh }: Outline): string {
  const head = [['TARGET:', name === '' ? '(default)' : name], ...(description === '' ? [] : [['DESCRIPTION:', description]])]
  const tables = [
    name === '' && description === '' ? '' : table(head, 1),
    args.length === 0
      ? ''
      : table([['BUILD ARG', 'VALUE', 'DESCRIPTION'], ...args.map((arg) => [arg.name, arg.value, arg.description])], 3),
    requestTable('SECRET', secrets),
    requestTable('SSH', ssh),
  ]
  return tables.map((text) => (text === '' ? '' : `${text}\n`)).join('')
}

/** `--call=targets` as buildx prints it. */
export function targetsText({ targets }: TargetList): string {
  const rows = targets.map(({ name, description, isDefault }) => {
    const mark = isDefault ? '(default)' : ''
    return [name === '' || mark === '' ? name || mark : `${name} ${mark}`, description]
  })
  return table([['TARGET', 'DESCRIPTION'], ...rows], 1)
}

function requestTable(title: string, requests: readonly OutlineRequest[]): string {
  if (requests.length === 0) return ''
  return table([[title, 'REQUIRED'], ...requests.map(({ name, required }) => [name, required ? 'true' : ''])], 3)
}

/** Columns as wide as their widest cell and `gap` blanks; the last as it comes. */
function table(rows: readonly (readonly string[])[], gap: number): string {
  const clean = rows.map((row) => row.map(oneLine))
  const width = (column: number): number => Math.max(...clean.map((row) => displayWidth(row[column] ?? ''))) + gap
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell + ' '.repeat(width(column) - displayWidth(cell)))).join('')
  return clean.map((row) => `${line(row)}\n`).join('')
}
