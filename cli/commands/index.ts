import type { CommandModule } from '../command.ts'

/** A command before its file is loaded. */
export interface CommandEntry {
  readonly summary: string
  /** What it does by itself. */
  load(): Promise<CommandModule>
  /** By their words; the command by itself is the first of them. */
  readonly subcommands?: Readonly<Record<string, CommandEntry>>
}

const HISTORY: Readonly<Record<string, CommandEntry>> = {
  ls: { summary: 'list builds, the last one first', load: async () => (await import('./history/ls.ts')).historyLsCommand },
  logs: { summary: 'print what a build printed', load: async () => (await import('./history/logs.ts')).historyLogsCommand },
  inspect: { summary: 'show one build', load: async () => (await import('./history/inspect.ts')).historyInspectCommand },
  rm: { summary: 'forget builds', load: async () => (await import('./history/rm.ts')).historyRmCommand },
}

/** All commands in the order of the help. Loaded one by one: a command pays only for itself. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  build: { summary: 'build an image from a Dockerfile (the default command)', load: async () => (await import('./build.ts')).buildCommand },
  run: { summary: 'run a command in a new container of an image', load: async () => (await import('./run.ts')).runCommand },
  images: { summary: 'list images', load: async () => (await import('./images.ts')).imagesCommand },
  explain: { summary: 'say why the steps of a build ran', load: async () => (await import('./explain.ts')).explainCommand },
  history: {
    summary: 'list builds that were made; show what they did and printed',
    load: async () => (await import('./history/ls.ts')).historyLsCommand,
    subcommands: HISTORY,
  },
  du: { summary: 'show what the store takes on the disk', load: async () => (await import('./du.ts')).duCommand },
  prune: { summary: 'remove what builds have left and nobody uses', load: async () => (await import('./prune.ts')).pruneCommand },
  import: { summary: 'make an image of one layer from a root file system', load: async () => (await import('./import.ts')).importCommand },
  load: { summary: 'load images from an archive', load: async () => (await import('./load.ts')).loadCommand },
  save: { summary: 'save images to an archive', load: async () => (await import('./save.ts')).saveCommand },
  doctor: { summary: 'check this machine, or the store', load: async () => (await import('./doctor.ts')).doctorCommand },
  version: { summary: 'show the version', load: async () => (await import('./version.ts')).versionCommand },
}
