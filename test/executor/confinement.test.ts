import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { makeSandbox, noContainers, type Sandbox } from './sandbox.ts'

const options = { skip: noContainers, timeout: 60_000 }
let sandbox: Sandbox

before(async () => {
  if (!noContainers) sandbox = await makeSandbox()
})
after(async () => {
  if (!noContainers) await sandbox[Symbol.asyncDispose]()
})

test("capabilities and seccomp are Docker's", options, async () => {
  for (const user of ['', '1000']) {
    const { stdout } = await sandbox.run(['busybox', 'cat', '/proc/self/status'], { user })
    const status = Object.fromEntries(stdout.split('\n').map((line) => line.split(/:\s*/, 2)))
    const held = user === '' ? '00000000a80425fb' : '0000000000000000'
    assert.deepEqual(
      ['CapEff', 'CapPrm', 'CapBnd', 'CapInh', 'CapAmb', 'Seccomp', 'NoNewPrivs', 'Umask', 'SigBlk', 'SigIgn'].map((name) => status[name]),
      [held, held, '00000000a80425fb', '0000000000000000', '0000000000000000', '2', '0', '0022', '0000000000000000', '0000000000000000'],
    )
  }
})

test('what the profile forbids fails, what programs need works', options, async () => {
  const failing = [
    'mount -t tmpfs tmpfs /mnt',
    'unshare -m true',
    'unshare -U true',
    'chroot / busybox mount -t proc proc /bin',
    'dmesg',
    'mknod /bin/disk b 254 0 && busybox cat /bin/disk',
    'hostname other',
    'adjtimex -o 5 -f 9',
    'swapoff -a && busybox swapoff /bin/busybox',
  ]
  for (const command of failing) {
    const { outcome } = await sandbox.sh(`busybox ${command} >/dev/null 2>&1`)
    assert.ok(outcome.kind === 'exited' && outcome.code !== 0, command)
  }
  const working = ['chroot / busybox true', 'chown 5:6 /bin/busybox', 'mknod /fifo p', 'setsid true', 'mknod /null c 1 3']
  for (const command of working) {
    const { outcome, stderr } = await sandbox.sh(`busybox ${command}`)
    assert.deepEqual([outcome.kind === 'exited' && outcome.code, stderr], [0, ''], command)
  }
})

test('paths of the kernel are masked or read-only', options, async () => {
  const { stdout } = await sandbox.sh(`
    busybox wc -c < /proc/keys; busybox wc -c < /proc/timer_list; busybox ls /sys/firmware | busybox wc -l
    for file in /proc/sys/kernel/hostname /proc/sysrq-trigger /sys/kernel/mm/ksm/run /sys/fs/cgroup/*/cgroup.procs; do
      (echo 0 > $file) 2>/dev/null && echo wrote $file
    done
    busybox ls /dev | busybox tr '\\n' ' '`)
  assert.equal(stdout, '0\n0\n0\nfd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ')
})

test('processes, mounts and host names are private', options, async () => {
  const { stdout } = await sandbox.sh(`
    for name in pid mnt ipc uts net; do busybox readlink /proc/self/ns/$name; done
    echo $$; busybox ls -d /proc/[0-9]* | busybox wc -l; busybox grep -c ${sandbox.directory}/layer /proc/self/mountinfo`)
  const lines = stdout.trim().split('\n')
  const { readlink } = await import('node:fs/promises')
  for (const [index, name] of ['pid', 'mnt', 'ipc', 'uts', 'net'].entries()) {
    assert.notEqual(lines[index], await readlink(`/proc/self/ns/${name}`), name)
  }
  // The shell and the two programs of its pipeline.
  assert.deepEqual(lines.slice(5, 6), ['1'])
  assert.ok(Number(lines[6]) <= 4)
  assert.equal(lines[7], '0')
})
