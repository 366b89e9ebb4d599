import { isTsbError } from '../../core/error.ts'
import { patternRule } from '../../core/pattern.ts'
import { readFlags } from '../flags.ts'
import { chompBody, readHeredoc } from '../heredoc.ts'
import { problem } from '../problems.ts'
import type { RawInstruction } from '../source.ts'
import { readJsonStrings, splitBlanks } from '../split.ts'
import type { Located, SourceRef } from './common.ts'

/** A here-document as a source. */
export interface InlineSource {
  readonly name: string
  readonly content: string
  /** Whether variables in the content are expanded. */
  readonly expand: boolean
}

export interface CopyInstruction extends Located {
  readonly kind: 'copy'
  readonly command: 'ADD' | 'COPY'
  readonly sources: readonly string[]
  /** Files whose content stands here; copied after the sources, wherever they are named. */
  readonly inline: readonly InlineSource[]
  readonly destination: string
  /** Stage, index, image or context to copy from; COPY only. */
  readonly from: SourceRef | undefined
  readonly chown: string | undefined
  readonly chmod: string | undefined
  readonly exclude: readonly string[]
  /** Copy on nothing, and lay that over what the stage has. */
  readonly link: boolean
  /** Keep the directories that lead to a source; COPY only. */
  readonly parents: boolean
  /** Unpack archives; absent is ADD's default: those of the context, and no downloads. */
  readonly unpack: boolean | undefined
  /** What a download has to be: a digest, or the commit of a repository; ADD only. */
  readonly checksum: string | undefined
  readonly keepGitDir: boolean | undefined
}

/** `COPY [flags] SOURCE… DESTINATION`. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS`, `TSB_DOCKERFILE_FROM_VARIABLE`, `TSB_DOCKERFILE_UNSUPPORTED` */
export function readCopy(raw: RawInstruction): CopyInstruction {
  const flags = readFlags(raw, { from: 'text', chown: 'text', chmod: 'text', link: 'switch', parents: 'switch', exclude: 'list' })
  const from = flags.text('from')
  if (from?.includes('$')) {
    const hint = 'give the image a stage (`FROM $image AS name`) and copy from that'
    throw problem('TSB_DOCKERFILE_FROM_VARIABLE', '`--from` cannot have variables', raw.places.word('--from'), hint)
  }
  const parents = flags.switch('parents') ?? false
  return readTransfer(raw, 'COPY', flags, { from, parents, unpack: false, checksum: undefined, keepGitDir: undefined })
}

/** `ADD [flags] SOURCE… DESTINATION`. @throws TsbError `TSB_DOCKERFILE_ARGUMENTS`, `TSB_DOCKERFILE_UNSUPPORTED` */
export function readAdd(raw: RawInstruction): CopyInstruction {
  const flags = readFlags(raw, {
    chown: 'text',
    chmod: 'text',
    link: 'switch',
    exclude: 'list',
    checksum: 'text',
    'keep-git-dir': 'switch',
    unpack: 'switch',
  })
  const checksum = flags.text('checksum')
  const keepGitDir = flags.switch('keep-git-dir')
  return readTransfer(raw, 'ADD', flags, { from: undefined, parents: false, unpack: flags.switch('unpack'), checksum, keepGitDir })
}

interface CommonFlags {
  text(name: 'chown' | 'chmod'): string | undefined
  list(name: 'exclude'): readonly string[]
  switch(name: 'link'): boolean | undefined
}

function readTransfer(
  raw: RawInstruction,
  command: 'ADD' | 'COPY',
  flags: CommonFlags,
  own: { readonly from: string | undefined } & Pick<CopyInstruction, 'parents' | 'unpack' | 'checksum' | 'keepGitDir'>,
): CopyInstruction {
  const link = flags.switch('link') ?? false
  const { from, ...rest } = own
  const exclude = flags.list('exclude')
  for (const pattern of exclude) checkPattern(raw, pattern)
  const words = readJsonStrings(raw.rest) ?? splitBlanks(raw.rest)
  const destination = words.at(-1)
  if (destination === undefined || words.length < 2) {
    throw problem(
      'TSB_DOCKERFILE_ARGUMENTS',
      `\`${command}\` needs a source and a destination`,
      raw.span,
      `write \`${command} source destination\``,
    )
  }
  if (readHeredoc(destination) !== undefined) {
    throw problem(
      'TSB_DOCKERFILE_HEREDOC',
      'a here-document cannot be a destination',
      raw.places.word('<<'),
      `write \`${command} ${destination} /path\``,
    )
  }
  const sources = words.slice(0, -1)
  const inline = sources.flatMap((word) => inlineSource(raw, word) ?? [])
  const chown = flags.text('chown')
  const chmod = flags.text('chmod')
  const ref: SourceRef | undefined = from === undefined ? undefined : { name: from, use: 'copy', span: () => raw.places.word('--from') }
  const paths = sources.filter((word) => readHeredoc(word) === undefined)
  return { kind: 'copy', raw, command, sources: paths, inline, destination, from: ref, chown, chmod, exclude, link, ...rest }
}

/** @throws TsbError `TSB_PATTERN_INVALID` */
function checkPattern(raw: RawInstruction, pattern: string): void {
  try {
    patternRule(pattern)
  } catch (error) {
    throw isTsbError(error) ? problem(error.code, error.message, raw.places.word('--exclude'), error.hint) : error
  }
}

/** Of here-documents with one name the last is the content of all; the JSON form has none, and so an empty one. */
function inlineSource(raw: RawInstruction, word: string): InlineSource | undefined {
  const start = readHeredoc(word)
  if (start === undefined) return undefined
  if (!/^\/*[^/]+\/*$/.test(start.name) || /^\/*\.\.?\/*$/.test(start.name)) {
    const hint = 'end the here-document by a word without slashes, such as `EOF`'
    throw problem('TSB_DOCKERFILE_HEREDOC', `\`${start.name}\` is no name for a file`, raw.places.word(word), hint)
  }
  const body = raw.heredocs.findLast(({ name }) => name === start.name)?.body ?? ''
  return { name: start.name, content: start.chomp ? chompBody(body) : body, expand: start.expand }
}
