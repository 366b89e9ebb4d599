import { TsbError } from '../core/error.ts'

/** Who a process runs as, in numbers. */
export interface ResolvedUser {
  readonly uid: number
  readonly gid: number
  /** With the primary group, as Docker sets them. */
  readonly additionalGids: readonly number[]
  /** `/` for somebody without an entry in passwd. */
  readonly home: string
}

interface PasswdEntry {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

interface GroupEntry {
  readonly name: string
  readonly gid: number
  readonly members: readonly string[]
}

/** Linux takes more, the tools that Docker uses do not. */
const MAX_ID = 2 ** 31 - 1

/**
 * Looks an image config's `User` up in the text of the root's passwd and group (empty where the root has none).
 * `uid:gid` is taken as it is; a group that is named stands alone; a user alone brings the groups that list its name.
 * A number means the ID even where somebody is named so. Empty is root.
 * @throws TsbError `TSB_USER_UNKNOWN` for a name that is not in the file, and for a number out of range.
 */
export function resolveUser(user: string, passwd: string, group: string): ResolvedUser {
  const colon = user.indexOf(':')
  const userPart = (colon < 0 ? user : user.slice(0, colon)) || '0'
  const groupPart = colon < 0 ? '' : user.slice(colon + 1)
  const entry = findUser(userPart, parsePasswd(passwd))
  const uid = entry?.uid ?? parseId(userPart)
  if (uid === undefined) throw unknown('user', userPart, '/etc/passwd')
  const home = entry?.home || '/'
  const groups = parseGroup(group)
  if (groupPart !== '') {
    const gid = parseId(groupPart) ?? groups.find(({ name }) => name === groupPart)?.gid
    if (gid === undefined) throw unknown('group', groupPart, '/etc/group')
    return { uid, gid, additionalGids: [gid], home }
  }
  const gid = entry?.gid ?? 0
  const listed = groups.filter(({ members }) => entry !== undefined && members.includes(entry.name))
  return { uid, gid, additionalGids: [...new Set([gid, ...listed.map((each) => each.gid)])], home }
}

function findUser(wanted: string, entries: readonly PasswdEntry[]): PasswdEntry | undefined {
  const uid = parseId(wanted)
  return entries.find((entry) => (uid === undefined ? entry.name === wanted : entry.uid === uid))
}

function parsePasswd(text: string): readonly PasswdEntry[] {
  return fieldsOf(text).flatMap(([name = '', , uidText = '', gidText = '', , home = '']) => {
    const uid = parseId(uidText)
    const gid = parseId(gidText)
    return uid === undefined || gid === undefined ? [] : [{ name, uid, gid, home }]
  })
}

function parseGroup(text: string): readonly GroupEntry[] {
  return fieldsOf(text).flatMap(([name = '', , gidText = '', members = '']) => {
    const gid = parseId(gidText)
    return gid === undefined ? [] : [{ name, gid, members: members.split(',') }]
  })
}

function fieldsOf(text: string): readonly (readonly string[])[] {
  const lines = text.split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(':'))
}

function parseId(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) && Number(text) <= MAX_ID ? Number(text) : undefined
}

function unknown(what: 'user' | 'group', name: string, file: string): TsbError {
  return new TsbError('TSB_USER_UNKNOWN', `no ${what} \`${name}\` in \`${file}\` of the image`, {
    hint: `create the ${what} in an earlier step, or give its number`,
    fault: 'input',
  })
}
