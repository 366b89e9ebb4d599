import type { Diagnostic } from '../../core/diagnostic.ts'
import type { Vertex } from '../../core/graph.ts'
import type { BuildPlan } from '../../core/image-plan.ts'
import type { RunMount } from '../../core/mount.ts'
import type { FileAction, Op } from '../../core/op.ts'
import { formatPlatform } from '../../core/platform.ts'
import type { Span } from '../../core/span.ts'

/** A plan as the sections of a text case. */
export function renderPlan(plan: BuildPlan): Map<string, string> {
  const { graph, image, diagnostics } = plan
  const about = [`output ${graph.output}`, `platform ${formatPlatform(image.platform)}`]
  if (image.author !== undefined) about.push(`author ${image.author}`)
  const config = Object.entries(image.config).map(([key, value]) => `${key} ${JSON.stringify(value)}\n`)
  const history = image.history.map(
    (entry) => `${entry.empty_layer === true ? '-' : 'L'} ${JSON.stringify(entry.created_by)} ${entry.comment}\n`,
  )
  const sections = new Map([
    ['graph', graph.vertices.map(renderVertex).join('')],
    ['image', `${about.join('\n')}\n`],
    ['config', config.sort().join('')],
    ['history', history.join('').replaceAll(' buildkit.dockerfile.v0\n', '\n')],
  ])
  if (diagnostics.length > 0) sections.set('warnings', renderDiagnostics(diagnostics))
  return sections
}

/** Codes and places; texts are free to change. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map(({ code, spans }) => `${code} ${spans.map(renderSpan).join(' ')}\n`).join('')
}

function renderVertex(vertex: Vertex): string {
  const notes = [`${vertex.id} ${vertex.name}`]
  notes.push(`    ${renderOp(vertex.op)}${vertex.inputs.length > 0 ? ` <- ${vertex.inputs.join(' ')}` : ''}`)
  const place = vertex.span === undefined ? [] : [`at ${renderSpan(vertex.span)}`]
  const marks = [...(vertex.stage === '' ? [] : [`stage ${vertex.stage}`]), ...place, ...(vertex.ignoreCache ? ['ignore-cache'] : [])]
  if (marks.length > 0) notes.push(`    ${marks.join(', ')}`)
  return `${notes.join('\n')}\n`
}

function renderOp(op: Op): string {
  switch (op.kind) {
    case 'scratch':
    case 'merge':
      return op.kind
    case 'image':
      return `image ${op.reference} ${op.image.slice(0, 15)} ${formatPlatform(op.platform)}`
    case 'local':
      return `local ${op.name} [${op.paths.join(' ')}]`
    case 'http':
      return `http ${op.url} ${op.name}${op.checksum === undefined ? '' : ` checksum ${op.checksum}`}`
    case 'git': {
      const { kind: _, remote, ...rest } = op
      return `git ${remote} ${JSON.stringify(rest)}`
    }
    case 'run': {
      const { args, env, proxyEnv, cwd, user, network, security, mounts } = op
      const rest = [`cwd ${cwd}`, ...(user === '' ? [] : [`user ${user}`]), ...(network === 'default' ? [] : [`network ${network}`])]
      if (security !== 'sandbox') rest.push(`security ${security}`)
      const proxy = proxyEnv.length === 0 ? '' : `\n      proxy ${JSON.stringify(proxyEnv)}`
      return `run ${JSON.stringify(args)} ${rest.join(' ')}\n      env ${JSON.stringify(env)}${proxy}${mounts.map(renderMount).join('')}\n     `
    }
    case 'file':
      return op.actions.map(renderAction).join('; ')
  }
}

function renderMount({ kind, ...mount }: RunMount): string {
  const rest = Object.entries(mount).map(([key, value]) => `${key}=${key === 'mode' ? Number(value).toString(8) : value}`)
  return `\n      mount ${kind} ${rest.join(' ')}`
}

function renderAction(action: FileAction): string {
  if (action.kind === 'make-directory') {
    return `mkdir ${action.path} ${action.mode.toString(8)}${action.owner === '' ? '' : ` owner ${action.owner}`}`
  }
  const { destination, chown, chmod } = action
  const common = [
    JSON.stringify(destination),
    ...(chown === undefined ? [] : [`chown ${chown}`]),
    ...(chmod === undefined ? [] : [`chmod ${typeof chmod === 'number' ? chmod.toString(8) : JSON.stringify(chmod)}`]),
  ]
  if (action.kind === 'write') {
    return ['write', action.name, JSON.stringify(action.content), action.mode.toString(8), ...common].join(' ')
  }
  const { sources, unpack, input, parents, exclude } = action
  const rest = [
    ...(unpack ? ['unpack'] : []),
    ...(parents === undefined ? [] : [`parents ${JSON.stringify(parents)}`]),
    ...(exclude === undefined ? [] : [`exclude ${JSON.stringify(exclude)}`]),
  ]
  return ['copy', `#${input}`, JSON.stringify(sources), ...common, ...rest].join(' ')
}

function renderSpan({ start, end }: Span): string {
  return `${start.line}:${start.column}-${end.line}:${end.column}`
}
