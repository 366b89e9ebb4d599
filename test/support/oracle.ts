import { mustRun, runProcess } from './process.ts'

/** A Docker Engine with BuildKit to compare with. */
export interface Oracle {
  /** Runs `docker ARGS` and returns standard output; an end with another code than 0 is an error. */
  docker(args: readonly string[]): Promise<string>
  build(options: OracleBuild): Promise<void>
  save(image: string, file: string): Promise<void>
  remove(image: string): Promise<void>
}

export interface OracleBuild {
  readonly context: string
  readonly tag: string
  /** Further arguments of `docker build`. */
  readonly args: readonly string[]
  /** Variables of the environment beside those of this process. */
  readonly env?: Readonly<Record<string, string>>
  /** Its standard input. */
  readonly input?: Buffer
}

/**
 * The engine that DOCKER_HOST (or the default socket) leads to.
 * @returns a sentence why there is none, for the test to skip with.
 */
export async function findOracle(): Promise<Oracle | string> {
  try {
    const { code, stderr } = await runProcess('docker', ['version', '--format', '{{.Server.Version}}'])
    if (code !== 0) return `no docker engine: ${stderr.trim().split('\n')[0] ?? ''}`
    const buildx = await runProcess('docker', ['buildx', 'version'])
    if (buildx.code !== 0) return 'docker has no buildx'
  } catch {
    return 'docker is not installed'
  }
  return createOracle()
}

function createOracle(): Oracle {
  const docker = (args: readonly string[]): Promise<string> => mustRun('docker', args)
  return {
    docker,
    build: async ({ context, tag, args, env = {}, input }) => {
      // Attestations would make an index of the image; nothing here looks at them.
      const words = ['buildx', 'build', '--quiet', '--load', '--provenance=false', ...args, '--tag', tag, context]
      await mustRun('docker', words, { env: { ...process.env, ...env }, ...(input === undefined ? {} : { input }) })
    },
    save: async (image, file) => {
      await docker(['save', '--output', file, image])
    },
    remove: async (image) => {
      await docker(['rmi', '--force', image])
    },
  }
}
