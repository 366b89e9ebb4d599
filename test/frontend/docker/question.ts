import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTsbError, TsbError } from '../../../core/error.ts'
import type { ContainerConfig } from '../../../core/manifest.ts'
import { type CompileRequest, compile } from '../../../frontend/index.ts'
import { REPOSITORY } from '../../support/paths.ts'

const FOLDER = join(REPOSITORY, 'testdata/language')

/** An image of one layer and no config. */
export const BASE = 'language/base'

/** A Dockerfile, options of `docker build`, and what Docker makes of it. */
export interface Question {
  readonly dockerfile: string
  readonly args?: readonly string[]
  /** Absent: not asked yet. */
  readonly docker?: Accepted | 'refused'
  /** Ours where Docker refuses it, too. */
  readonly code?: string
  /** Why we mean to do something else than Docker, and what. */
  readonly but?: string
  readonly ours?: Accepted | string
}

/** An image's config and history, without what nearly all have. */
export type Accepted = Readonly<Record<string, unknown>>

/** The questions of testdata/language, by file: one a line. */
export function readQuestions(): ReadonlyMap<string, readonly Question[]> {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.jsonl'))
  return new Map(
    files.sort().map((name) => {
      const lines = readFileSync(join(FOLDER, name), 'utf8').split('\n')
      return [name, lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Question)]
    }),
  )
}

/** Keeps answers. */
export function writeQuestions(name: string, questions: readonly Question[]): void {
  writeFileSync(join(FOLDER, name), questions.map((question) => `${ascii(JSON.stringify(question))}\n`).join(''))
}

/** What we make of it: the code where we refuse. */
export async function answer({ dockerfile, args = [] }: Question): Promise<Accepted | string> {
  try {
    const { image } = await compile(request(dockerfile, args), async (reference) => {
      if (!reference.includes(BASE)) throw new TsbError('TSB_IMAGE_UNKNOWN', `no image \`${reference}\``, { fault: 'remote' })
      const digest = `sha256:${'0'.repeat(64)}` as const
      const config = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [digest] } } as const
      return { reference, image: digest, config }
    })
    return summarise(
      image.config,
      image.author ?? '',
      image.history.map((entry) => entry.created_by ?? ''),
    )
  } catch (error) {
    if (!isTsbError(error) || error.fault === 'bug') throw error
    return error.code
  }
}

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Config and history for a comparison. */
export function summarise(config: ContainerConfig, author: string, history: readonly string[]): Accepted {
  const { Env, WorkingDir, ...rest } = config
  const fields: Record<string, unknown> = {
    ...rest,
    WorkingDir: WorkingDir === '/' ? '' : WorkingDir,
    Env: Env?.filter((entry) => entry !== PATH),
    author,
    history: history.filter((entry) => entry !== ''),
  }
  const kept = Object.keys(fields)
    .sort()
    .filter((name) => !isEmpty(fields[name]) && name !== 'Hostname' && name !== 'Domainname' && name !== 'Image')
  return Object.fromEntries(kept.map((name) => [name, fields[name]]))
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === false) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}

function request(text: string, args: readonly string[]): CompileRequest {
  const values = (flag: string): readonly string[] => args.filter((_, index) => args[index - 1] === flag)
  const pairs = (flag: string): [string, string][] => values(flag).map((value) => value.split(/=(.*)/s).slice(0, 2) as [string, string])
  const [target] = values('--target')
  const platform = { os: 'linux', architecture: 'amd64' }
  return {
    dockerfile: { name: 'Dockerfile', text },
    platform,
    buildPlatform: platform,
    buildArgs: new Map(pairs('--build-arg')),
    labels: pairs('--label'),
    noCache: false,
    contexts: new Map(),
    ignore: undefined,
    ...(target === undefined ? {} : { target }),
  }
}

/** JSON with codes for what cannot be seen. */
export function ascii(text: string): string {
  return text.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
