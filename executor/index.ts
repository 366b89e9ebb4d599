export { sweepCgroups } from './cgroups.ts'
export { createExecutor, type ExecutorOptions } from './executor.ts'
export { type HostFacts, probeHost } from './probe.ts'
export { type ResolvedUser, resolveUser } from './user.ts'
