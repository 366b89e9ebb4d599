/**
 * The records of a PAX extended header (POSIX.1-2001, pax "Extended Header"): `LENGTH KEY=VALUE\n`, values as bytes.
 * @throws Error when a record does not have the length that it says.
 */
export function parseRecords(data: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>()
  let at = 0
  while (at < data.length) {
    const space = data.indexOf(0x20, at)
    const end = at + Number(data.toString('latin1', at, space))
    const equals = data.indexOf(0x3d, space)
    if (!(end > equals && equals > space && data[end - 1] === 0x0a)) throw new Error('malformed PAX record')
    records.set(data.toString('utf8', space + 1, equals), data.subarray(equals + 1, end - 1))
    at = end
  }
  return records
}
