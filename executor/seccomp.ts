import { ALLOWED, ALLOWED_BY_ARCHITECTURE, TRACING, WITH_CHROOT } from './syscalls.ts'

/** OCI runtime spec, config-linux.md "Seccomp". */
export interface SeccompProfile {
  readonly defaultAction: SeccompAction
  readonly defaultErrnoRet: number
  readonly architectures: readonly string[]
  readonly syscalls: readonly SeccompRule[]
}

export interface SeccompRule {
  readonly names: readonly string[]
  readonly action: SeccompAction
  readonly errnoRet?: number
  readonly args?: readonly SeccompArgument[]
}

export interface SeccompArgument {
  readonly index: number
  readonly value: number
  readonly valueTwo?: number
  readonly op: 'SCMP_CMP_EQ' | 'SCMP_CMP_NE' | 'SCMP_CMP_MASKED_EQ'
}

type SeccompAction = 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO'

const EPERM = 1
const ENOSYS = 38
const AF_VSOCK = 40

/** `personality` for Linux and for 32-bit Linux, each also with the old address layout, and the query. */
const PERSONALITIES = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff]

/** CLONE_NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWNS. */
const NAMESPACE_FLAGS = 0x7e020000

const ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
  riscv64: ['SCMP_ARCH_RISCV64'],
  ppc64: ['SCMP_ARCH_PPC64LE'],
  s390x: ['SCMP_ARCH_S390X', 'SCMP_ARCH_S390'],
}

/**
 * Docker's default profile, resolved for its default capabilities on `architecture` (Node's name). Everything not
 * named fails with EPERM, `clone3` with ENOSYS: its flags lie in memory that a filter cannot read, and libc then
 * falls back to `clone`, whose flags are arguments.
 */
export function defaultSeccomp(architecture: string): SeccompProfile {
  const allow = (names: readonly string[], ...args: readonly SeccompArgument[]): SeccompRule =>
    args.length === 0 ? { names, action: 'SCMP_ACT_ALLOW' } : { names, action: 'SCMP_ACT_ALLOW', args }
  // The s390 calling convention swaps the first two arguments of clone.
  const cloneFlags = architecture === 's390x' ? 1 : 0
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: ARCHITECTURES[architecture] ?? [],
    syscalls: [
      allow([...ALLOWED, ...TRACING, ...WITH_CHROOT, ...(ALLOWED_BY_ARCHITECTURE[architecture] ?? [])]),
      allow(['socket'], { index: 0, value: AF_VSOCK, op: 'SCMP_CMP_NE' }),
      ...PERSONALITIES.map((value) => allow(['personality'], { index: 0, value, op: 'SCMP_CMP_EQ' })),
      allow(['clone'], { index: cloneFlags, value: NAMESPACE_FLAGS, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }),
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
    ],
  }
}
