import { spawn } from 'node:child_process'

export interface Finished {
  /** 128 plus the signal's number where a signal ended it, as shells say it. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface ProcessOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly input?: string | Buffer
  readonly signal?: AbortSignal
}

/** Runs a program to its end and keeps what it wrote. Rejects only when it cannot be started. */
export function runProcess(command: string, args: readonly string[], options: ProcessOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const { input, cwd, env, signal } = options
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env }),
      ...(signal === undefined ? {} : { signal, killSignal: 'SIGTERM' as const }),
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (data: Buffer) => stdout.push(data))
    child.stderr.on('data', (data: Buffer) => stderr.push(data))
    // A program that does not read its input is none of our business.
    child.stdin.on('error', () => {})
    child.stdin.end(input ?? '')
    child.on('error', (error) => (error.name === 'AbortError' ? undefined : reject(error)))
    child.on('close', (code, name) => resolve({ code: code ?? 128 + signalNumber(name), stdout: text(stdout), stderr: text(stderr) }))
  })
}

/** As `runProcess`, and an end with another code than 0 is an error that shows what the program wrote. */
export async function mustRun(command: string, args: readonly string[], options: ProcessOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await runProcess(command, args, options)
  if (code !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${code}\n${stdout.slice(-4000)}${stderr.slice(-4000)}`)
  return stdout
}

/** Whether a program can be started at all. */
export async function hasProgram(command: string): Promise<boolean> {
  return runProcess(command, ['--version']).then(
    () => true,
    () => false,
  )
}

function signalNumber(name: NodeJS.Signals | null): number {
  return name === null ? 0 : (({ SIGINT: 2, SIGKILL: 9, SIGTERM: 15 } as Partial<Record<NodeJS.Signals, number>>)[name] ?? 0)
}

function text(parts: readonly Buffer[]): string {
  return Buffer.concat(parts).toString()
}
