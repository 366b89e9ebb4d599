import type { Kept } from '../../store/gc/kept.ts'

/** What people read about a thing in the store: of a step's result the instruction, as far as its key tells. */
export function describe({ type, text, item }: Kept): string {
  if (item.kind === 'record') return describeOp(text)
  if (type === 'source.local') return `what scans of a build context remember, in ${text}`
  if (type === 'image') return text === '' ? `image ${item.id} without a name` : text.split(' ').join(', ')
  return text
}

interface Preimage {
  readonly op?: {
    readonly kind?: string
    readonly args?: readonly string[]
    readonly image?: string
    readonly actions?: readonly Action[]
    readonly commit?: string
    readonly content?: string
  }
}

interface Action {
  readonly kind?: string
  readonly destination?: string
  readonly path?: string
}

function describeOp(preimage: string): string {
  const { op = {} } = JSON.parse(preimage) as Preimage
  switch (op.kind) {
    case 'run':
      return `RUN ${commandOf(op.args ?? [])}`
    case 'file':
    case 'merge':
      return (op.actions ?? []).map(describeAction).join(', ')
    case 'image':
      return `FROM ${op.image ?? ''}`
    case 'scratch':
      return 'FROM scratch'
    case 'git':
      return `files of git commit ${op.commit ?? ''}`
    case 'http':
      return `files of a download, ${op.content ?? ''}`
    default:
      return op.kind ?? ''
  }
}

/** The shell that a RUN without brackets gets says nothing. */
function commandOf(args: readonly string[]): string {
  const isShell = args.length === 3 && args[0] === '/bin/sh' && args[1] === '-c'
  return (isShell ? (args[2] ?? '') : args.join(' ')).replace(/\s+/g, ' ')
}

function describeAction({ kind, destination, path }: Action): string {
  switch (kind) {
    case 'copy':
      return `COPY to ${destination ?? ''}`
    case 'make-directory':
      return `WORKDIR ${path ?? ''}`
    default:
      return `${kind ?? ''} ${path ?? destination ?? ''}`.trim()
  }
}
