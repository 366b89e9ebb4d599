import type { Command } from 'commander'
import type { CliHost } from './host.ts'

/** One command: how its arguments read, and what it does with them. */
export interface CommandModule {
  /** The commander definition: parsing, help and the manual come from it. */
  define(): Command
  /** Everything after the first operand belongs to the user's program (`run`). */
  readonly passThrough?: boolean
  /** Does the work and gives the exit code. @throws TsbError */
  execute(invocation: Invocation, host: CliHost): Promise<number>
}

export interface Invocation {
  readonly args: readonly string[]
  /** As commander collected them: each command knows its own shape. */
  readonly flags: object
}
