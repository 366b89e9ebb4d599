import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveUser } from '../../executor/user.ts'

const PASSWD = `root:x:0:0:root:/root:/bin/sh
# a comment
app:x:1000:1001:app:/home/app:/bin/sh
77:x:1234:1235::/h77:/bin/sh
odd:x:1000:55::/odd:
broken
homeless:x:9:9:::
`
const GROUP = 'root:x:0:\nbin:x:1:root,app\nappg:x:1001:\nvideo:x:44:app,root\nlone:x:45:odd\n'

// As seen with Docker 28 (uid, gid, Groups, HOME) for the same files.
const cases: readonly (readonly [user: string, uid: number, gid: number, groups: readonly number[], home: string])[] = [
  ['', 0, 0, [0, 1, 44], '/root'],
  ['root', 0, 0, [0, 1, 44], '/root'],
  ['0', 0, 0, [0, 1, 44], '/root'],
  ['app', 1000, 1001, [1, 44, 1001], '/home/app'],
  ['1000', 1000, 1001, [1, 44, 1001], '/home/app'],
  ['app:video', 1000, 44, [44], '/home/app'],
  ['1000:video', 1000, 44, [44], '/home/app'],
  ['app:7', 1000, 7, [7], '/home/app'],
  ['1000:1001', 1000, 1001, [1001], '/home/app'],
  ['5000', 5000, 0, [0], '/'],
  ['5000:video', 5000, 44, [44], '/'],
  ['77', 77, 0, [0], '/'],
  ['1000:', 1000, 1001, [1, 44, 1001], '/home/app'],
  ['root:root', 0, 0, [0], '/root'],
  ['homeless', 9, 9, [9], '/'],
]

for (const [user, uid, gid, groups, home] of cases) {
  test(`user \`${user}\``, () => {
    const { additionalGids, ...rest } = resolveUser(user, PASSWD, GROUP)
    assert.deepEqual(rest, { uid, gid, home })
    assert.deepEqual(
      [...additionalGids].sort((a, b) => a - b),
      groups,
    )
  })
}

test('without files numbers still work', () => {
  assert.deepEqual(resolveUser('', '', ''), { uid: 0, gid: 0, additionalGids: [0], home: '/' })
  assert.deepEqual(resolveUser('3:4', '', ''), { uid: 3, gid: 4, additionalGids: [4], home: '/' })
})

test('unknown names and impossible numbers', () => {
  for (const user of ['nobody', 'app:nosuch', '4294967296', '-1', 'broken', ':nosuch', 'a:b:c']) {
    assert.throws(() => resolveUser(user, PASSWD, GROUP), { code: 'TSB_USER_UNKNOWN', fault: 'input' }, user)
  }
})
