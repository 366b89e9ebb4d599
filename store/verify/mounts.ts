import { readFileSync } from 'node:fs'
import type { Layout } from '../layout.ts'
import { type Finding, finding } from './finding.ts'

/** Mounts below the store that this process sees. Those of steps are in namespaces of their own, and end with them. */
export function mountFindings({ root }: Layout): readonly Finding[] {
  // proc_pid_mountinfo(5): the fifth field, blanks and the like as octal numbers.
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    )
  return points.filter((point) => point.startsWith(`${root}/`)).map((point) => finding('mount-left', point))
}
