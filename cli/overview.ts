import { COMMANDS } from './commands/index.ts'

const ENVIRONMENT: readonly (readonly [name: string, meaning: string])[] = [
  ['TSBUILD_ROOT', 'the store (default: /var/lib/tsbuild for root, $XDG_DATA_HOME/tsbuild otherwise)'],
  ['TSBUILD_MAX_DISK', 'as --max-disk'],
  ['TSBUILD_CONFIG', 'configuration file (default: /etc/tsbuild/config.json, then ~/.config/tsbuild/config.json)'],
  ['TSBUILD_RUNTIME', 'OCI runtime for containers, as --oci-runtime'],
  ['TSBUILD_PROGRESS', 'as --progress; BUILDKIT_PROGRESS is read too'],
  ['SOURCE_DATE_EPOCH', 'seconds since 1970 to use as the time of the build'],
  ['DOCKER_CONFIG', "directory of docker's config.json, for registry credentials"],
  ['NO_COLOR', 'no colours'],
  ['DEBUG=tsbuild', 'stack traces with errors'],
]

/** `tsbuild --help`: what there is, without loading any of it. */
export function overview(): string {
  const commands = Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary] as const)
  return [
    'Usage: tsbuild [command] [options] …',
    '',
    'Builds OCI images from Dockerfiles and runs them.',
    '',
    '  tsbuild -t app .          build the current directory as `app`',
    '  tsbuild run --rm app      run it',
    '',
    'Commands:',
    ...columns(commands),
    '',
    'Environment:',
    ...columns(ENVIRONMENT),
    '',
    '`tsbuild <command> --help` has the options of a command.',
    '',
  ].join('\n')
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length)) + 3
  return rows.map(([name, meaning]) => `  ${name.padEnd(width)}${meaning}`)
}
