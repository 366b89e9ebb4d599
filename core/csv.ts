/** The fields of one record of RFC 4180: a field in double quotes may hold commas, and quotes doubled. `undefined` for a stray quote. */
export function splitCsv(text: string): readonly string[] | undefined {
  const fields: string[] = []
  for (const [, quoted, bare, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/gy)) {
    fields.push(quoted === undefined ? (bare ?? '') : quoted.replaceAll('""', '"'))
    if (end === '') return fields
  }
  return undefined
}
