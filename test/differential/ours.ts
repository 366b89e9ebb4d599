import { rm } from 'node:fs/promises'
import { isTsbError } from '../../core/error.ts'
import { type BuildOptions, type Engine, parseOutput } from '../../engine/index.ts'
import { flattenImage } from '../tools/compare/image.ts'
import type { DifferentialCase } from './case-file.ts'
import type { Outcome } from './outcome.ts'

/** Builds a case by our engine. A failure that is not the user's, such as one of the host, is thrown. */
export async function buildOurs(engine: Engine, given: DifferentialCase, context: string): Promise<Outcome> {
  const archive = `${context}.ours.tar`
  try {
    const options = { ...optionsOf(given.args), context, outputs: [parseOutput(`type=docker,dest=${archive}`)] }
    await engine.build(options, () => {}, new AbortController().signal)
    return { kind: 'image', image: await flattenImage(archive) }
  } catch (error) {
    if (!isTsbError(error) || (error.fault !== 'input' && error.fault !== 'step' && error.fault !== 'remote')) throw error
    return { kind: 'failure', fault: error.fault === 'step' ? 'step' : 'input', code: error.code, message: error.message }
  } finally {
    await rm(archive, { force: true })
  }
}

function optionsOf(args: readonly string[]): Omit<BuildOptions, 'context' | 'outputs'> {
  const values = (flag: string): string[] => args.filter((arg) => arg.startsWith(`${flag} `)).map((arg) => arg.slice(flag.length + 1))
  const pairs = (flag: string): (readonly [string, string])[] =>
    values(flag).map((text) => [text.replace(/=.*$/s, ''), text.replace(/^[^=]*=?/, '')])
  const target = values('--target')[0]
  return {
    tags: [],
    buildArgs: pairs('--build-arg'),
    labels: pairs('--label'),
    noCache: false,
    noStatCache: false,
    pull: false,
    ...(target === undefined ? {} : { target }),
  }
}
