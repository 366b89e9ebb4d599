import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { planContainer } from '../dist/executor/plan.js'
import { run, timeCommand } from './gauge.mjs'

const LOOP = 'i=0; while [ $i -lt "$3" ]; do "$1" --root "$2/state" run --bundle "$2" bench-$$-$i || exit 1; i=$((i + 1)); done'

/** The OCI runtime alone: so many containers of `true`, one after the other, set up as tsbuild sets them up, on a plain directory. */
export function timeRuntime(place, rootTar, count) {
  const root = join(place, 'rootfs')
  mkdirSync(root, { recursive: true })
  run(['tar', '-xf', rootTar, '-C', root])
  for (const name of ['hosts', 'resolv.conf']) writeFileSync(join(place, name), '')
  writeFileSync(join(place, 'config.json'), JSON.stringify(configOf(place)))
  return timeCommand(['sh', '-c', LOOP, 'sh', process.env.TSBUILD_RUNTIME || 'runc', place, String(count)])
}

function configOf(bundle) {
  const cgroups = existsSync('/sys/fs/cgroup/cgroup.controllers') ? 'v2' : 'v1'
  const spec = {
    id: 'bench',
    args: ['/bin/sh', '-c', 'true'],
    env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
    cwd: '/',
    hostname: 'bench',
    mounts: [],
    terminal: false,
    security: 'sandbox',
    readonlyRoot: false,
  }
  const user = { uid: 0, gid: 0, additionalGids: [0], home: '/root' }
  return planContainer(spec, user, { architecture: process.arch, capabilities: [], cgroups, bundle, owner: `bench.${process.pid}` })
}
