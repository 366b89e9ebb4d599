import type { Canonical } from '../../core/canonical.ts'
import { blake3Digest, type Digest } from '../../core/digest.ts'
import { TsbError } from '../../core/error.ts'
import type { RunOp } from '../../core/op.ts'
import { diskFull, isDiskFull } from '../../executor/disk-full.ts'
import type { ProcessOutcome, ProcessSpec } from '../../executor/types.ts'
import { layerPaths } from '../../snapshotter/snapshot.ts'
import { openWorkspace, type Workspace } from '../../snapshotter/workspace.ts'
import type { Driver, Executed, Execution } from '../../solver/driver.ts'
import type { PreparedMounts } from '../mounts/prepare.ts'
import type { RunResources } from '../mounts/resources.ts'
import { mountedDigest, mountFacts } from '../mounts/sources.ts'
import type { Session } from '../session.ts'
import { commitStep, reviveStep, servesStep } from './layer.ts'
import { rootOf, type StepResult, treeOf } from './result.ts'
import type { StepContext } from './step-context.ts'

/** What RUN steps share. */
export interface RunContext extends StepContext {
  readonly session: Session
  readonly resources: RunResources
}

/** RUN: one process in a container; whatever it wrote to its root is the step's layer. */
export function runDriver(context: RunContext): Driver<RunOp, StepResult> {
  return {
    recorded: true,
    facts: ({ proxyEnv: _proxyEnv, argNames, env, mounts, ...facts }) => ({
      ...facts,
      env: envFacts(env, argNames),
      ...(mounts.length === 0 ? {} : { mounts: mounts.map(mountFacts) }),
    }),
    kin: ({ kind, args }) => ({ kind, args }),
    trees: (inputs) => inputs.map(treeOf),
    inputDigests: async (op, inputs): Promise<readonly Digest[]> =>
      Promise.all(inputs.map((input, index) => (index === 0 ? treeOf(input) : mountedDigest(context, op, input, index)))),
    execute: (op, inputs, execution) => execute(context, op, inputs, execution),
    serves: (stored) => servesStep(context, stored),
    revive: (_op, stored, inputs) => reviveStep(context, stored, inputs),
  }
}

/** Keys are kept with what they are made of: of a build argument, which may be a token, that is a digest. */
function envFacts(env: readonly string[], argNames: readonly string[]): Canonical {
  if (argNames.length === 0) return env
  return env.map((entry) => {
    const equals = entry.indexOf('=')
    const name = entry.slice(0, equals)
    return argNames.includes(name) ? [name, blake3Digest(entry.slice(equals + 1))] : entry
  })
}

async function execute(context: RunContext, op: RunOp, given: readonly StepResult[], execution: Execution): Promise<Executed<StepResult>> {
  const { session, resources } = context
  const inputs = await context.present(given, execution)
  const root = rootOf(inputs)
  const executor = await session.executor()
  await using workspace = await openWorkspace(context)
  const outcome = await runContainer()
  assertSuccess(op, outcome, workspace.upper)
  // Awaited here: the workspace must not go before it is committed.
  return await commitStep(context, workspace, root, execution)

  async function runContainer(): Promise<ProcessOutcome> {
    // Given back before the commit: others may wait for a cache.
    const { prepareMounts } = await import('../mounts/prepare.ts')
    await using prepared = await prepareMounts(op, { session, resources, inputs, signal: execution.signal })
    session.countContainer()
    const output = await outputOf(prepared, execution.log)
    const outcome = await executor.run(
      specOf(session, op, prepared, layerPaths(context.store, root), workspace),
      { kind: 'capture', onOutput: output.take },
      { signal: execution.signal },
    )
    output.end()
    return outcome
  }
}

/** What becomes of a step's output: its log, without the secrets that it can see. */
async function outputOf({ secrets }: PreparedMounts, log: Execution['log']): Promise<{ readonly take: Execution['log']; end(): void }> {
  const create = secrets.length === 0 ? undefined : (await import('../mounts/mask.ts')).secretMask(secrets)
  if (create === undefined) return { take: log, end: () => {} }
  const masks = { stdout: create(), stderr: create() }
  const tell = (stream: 'stdout' | 'stderr', data: Uint8Array): void => {
    if (data.length > 0) log(stream, data)
  }
  return {
    take: (stream, data) => tell(stream, masks[stream].push(data)),
    end: () => {
      tell('stdout', masks.stdout.flush())
      tell('stderr', masks.stderr.flush())
    },
  }
}

/** Docker's name of a build container's host: it shows in what programs write. */
const HOSTNAME = 'buildkitsandbox'

function specOf(
  session: Session,
  op: RunOp,
  { mounts, env }: PreparedMounts,
  layers: readonly string[],
  workspace: Workspace,
): ProcessSpec {
  return {
    id: session.effects.randomId(),
    layers,
    upper: workspace.upper,
    work: workspace.work,
    args: op.args,
    env,
    cwd: op.cwd,
    user: op.user,
    hostname: HOSTNAME,
    network: op.network,
    mounts,
    extraHosts: [],
    terminal: false,
    security: op.security,
    readonlyRoot: false,
  }
}

/** A step's failure is a result until here: the one place that turns it into an error. */
function assertSuccess(op: RunOp, outcome: ProcessOutcome, upper: string): void {
  if (outcome.kind === 'exited' && outcome.code === 0) return
  const how = describe(outcome)
  // What it has written is still there.
  if (isDiskFull(upper)) {
    throw diskFull(`process \`${op.args.join(' ')}\` failed (${how}) with no space left on the store's disk`)
  }
  throw new TsbError('TSB_STEP_FAILED', `process \`${op.args.join(' ')}\` did not complete successfully: ${how}`, { fault: 'step' })
}

function describe(outcome: ProcessOutcome): string {
  switch (outcome.kind) {
    case 'exited':
      return `exit code: ${outcome.code}`
    case 'signaled':
      return `killed by signal ${outcome.signal}`
    case 'not-started':
      return outcome.message
  }
}
