import { CAPABILITIES, MASKED_PATHS, READONLY_PATHS } from './defaults.ts'
import { defaultSeccomp, type SeccompProfile } from './seccomp.ts'
import type { ProcessSpec } from './types.ts'

/** What a container may do, in the terms of `config.json`. */
export interface Confinement {
  readonly capabilities: { readonly [K in CapabilitySet]?: readonly string[] }
  readonly linux: {
    readonly resources: { readonly devices: readonly DeviceRule[] }
    readonly devices?: readonly DeviceNode[]
    readonly maskedPaths: readonly string[]
    readonly readonlyPaths: readonly string[]
    readonly seccomp?: SeccompProfile
  }
}

type CapabilitySet = 'bounding' | 'effective' | 'permitted' | 'inheritable' | 'ambient'

/** OCI runtime spec, config-linux.md "Allowed Device list". */
interface DeviceRule {
  readonly allow: boolean
  readonly type?: 'a' | 'b' | 'c'
  readonly access: string
}

/** OCI runtime spec, config-linux.md "Devices". */
interface DeviceNode {
  readonly path: string
  readonly type: 'b' | 'c'
  readonly major: number
  readonly minor: number
}

/** What of the machine decides. */
export interface ConfinementHost {
  /** Node's name. */
  readonly architecture: string
  /** Those that we have: nobody can give more. */
  readonly capabilities: readonly string[]
}

/** Docker's sandbox, or BuildKit's `security.insecure`. */
export function confine(security: ProcessSpec['security'], { architecture, capabilities }: ConfinementHost): Confinement {
  switch (security) {
    case 'sandbox':
      return {
        capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
        linux: {
          // The runtime adds the harmless ones (null, zero, tty …) itself.
          resources: { devices: [{ allow: false, access: 'rwm' }] },
          maskedPaths: MASKED_PATHS,
          readonlyPaths: READONLY_PATHS,
          seccomp: defaultSeccomp(architecture),
        },
      }
    case 'insecure':
      return {
        capabilities: {
          bounding: capabilities,
          effective: capabilities,
          permitted: capabilities,
          inheritable: capabilities,
          ambient: capabilities,
        },
        linux: {
          resources: {
            devices: [
              { allow: true, type: 'c', access: 'rwm' },
              { allow: true, type: 'b', access: 'rwm' },
            ],
          },
          devices: DEVICES,
          maskedPaths: [],
          readonlyPaths: [],
        },
      }
  }
}

/** Loop devices that are made, whether the kernel has them yet or not: who needs more makes them. */
const LOOP_DEVICES = 8

/** What BuildKit makes for a step without a sandbox. */
const DEVICES: readonly DeviceNode[] = [
  { path: '/dev/kmsg', type: 'c', major: 1, minor: 11 },
  { path: '/dev/cuse', type: 'c', major: 10, minor: 203 },
  { path: '/dev/fuse', type: 'c', major: 10, minor: 229 },
  { path: '/dev/kvm', type: 'c', major: 10, minor: 232 },
  { path: '/dev/net/tun', type: 'c', major: 10, minor: 200 },
  { path: '/dev/loop-control', type: 'c', major: 10, minor: 237 },
  ...Array.from({ length: LOOP_DEVICES }, (_, minor) => ({ path: `/dev/loop${minor}`, type: 'b' as const, major: 7, minor })),
]
