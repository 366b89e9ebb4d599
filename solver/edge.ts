import type { Digest } from '../core/digest.ts'

/** Where one vertex of a build stands on its way to a result. A value: `stepEdge` makes the next one of it. */
export type Edge = EdgeTraits & EdgeState

export interface EdgeTraits {
  /** False: it executes in every build, without a key. */
  readonly recorded: boolean
  /** Earlier builds' results do not count, this build's do. */
  readonly ignoreCache: boolean
}

export type EdgeState =
  /** So many inputs have no result yet. */
  | { readonly kind: 'waiting'; readonly missing: number }
  /** Its key is being computed. */
  | { readonly kind: 'keying' }
  /** An earlier result is looked for; `held`: the key is ours, so nobody records one meanwhile. */
  | { readonly kind: 'looking'; readonly key: Digest; readonly held: boolean }
  /** Nobody has a result: it wants to be the one that makes it. */
  | { readonly kind: 'claiming'; readonly key: Digest; readonly reason: MissReason }
  /** Somebody else makes it: an equal vertex of this build, or another build. */
  | { readonly kind: 'awaiting'; readonly key: Digest; readonly reason: MissReason }
  /** Ready to execute, as soon as there is room. */
  | { readonly kind: 'queued'; readonly claim: Claimed | undefined }
  | { readonly kind: 'executing'; readonly claim: Claimed | undefined }
  | { readonly kind: 'publishing'; readonly claim: Claimed; readonly outcome: EdgeOutcome }
  /** Canceled, but what it began has not ended yet. `asked`: a claim that may still be granted. */
  | { readonly kind: 'stopping'; readonly claim: Claimed | undefined; readonly asked?: Digest }
  | { readonly kind: 'done'; readonly outcome: EdgeOutcome }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'canceled' }

/**
 * Why nothing earlier is used. `lost`: there is a record, but not what it names. `unwanted`: there is one that is not for this build.
 * `ignored`: nobody looked.
 */
export type MissReason = 'unknown' | 'lost' | 'unwanted' | 'ignored'

/** A key that this edge alone may execute. */
export interface Claimed {
  readonly key: Digest
  readonly reason: MissReason
}

export type EdgeOutcome = 'cached' | 'done' | 'unchanged'

/** What has happened to an edge. */
export type EdgeEvent =
  | { readonly kind: 'input-done' }
  /** `shared`: this build has a result of the key already. */
  | { readonly kind: 'keyed'; readonly key: Digest; readonly shared: boolean }
  | { readonly kind: 'found' }
  | { readonly kind: 'not-found'; readonly reason: MissReason }
  /** `shared`: as of `keyed`, at this moment. */
  | { readonly kind: 'claimed'; readonly shared: boolean }
  | { readonly kind: 'refused' }
  /** Whoever had the key has given it back. `shared`: an equal vertex of this build. */
  | { readonly kind: 'woken'; readonly shared: boolean }
  /** There is room to execute. */
  | { readonly kind: 'admitted' }
  | { readonly kind: 'executed'; readonly outcome: EdgeOutcome }
  | { readonly kind: 'published' }
  /** What the edge had begun has failed. */
  | { readonly kind: 'failed'; readonly error: unknown }
  /** What the edge had begun was stopped from outside. */
  | { readonly kind: 'interrupted' }
  /** Nobody wants the result any more. */
  | { readonly kind: 'cancel' }

/** What an edge wants done. Each of the first group is answered by an event, sooner or later; the others are not. */
export type Wish =
  | { readonly kind: 'compute-key' }
  | { readonly kind: 'look-up'; readonly key: Digest }
  | { readonly kind: 'claim'; readonly key: Digest }
  | { readonly kind: 'wait'; readonly key: Digest }
  | { readonly kind: 'queue' }
  | { readonly kind: 'execute'; readonly claim: Claimed | undefined }
  | { readonly kind: 'publish'; readonly claim: Claimed; readonly outcome: EdgeOutcome }
  /** Give a claim back that nothing was published under. */
  | { readonly kind: 'release'; readonly key: Digest }
  /** It waits for nothing any more: neither room nor a key. */
  | { readonly kind: 'withdraw' }
  /** The driver must end what it is doing. */
  | { readonly kind: 'stop' }
  /** The edge has come to its end, which never changes. */
  | { readonly kind: 'settle' }

export interface Stepped {
  readonly edge: Edge
  /** To be carried out in this order. */
  readonly wishes: readonly Wish[]
}

/** The edge of a vertex with so many inputs. */
export function openEdge(traits: EdgeTraits, inputs: number): Stepped {
  const edge: Edge = { ...traitsOf(traits), kind: 'waiting', missing: inputs }
  return inputs === 0 ? ready(edge) : { edge, wishes: [] }
}

/** Whether an edge has come to its end. */
export function isFinal(edge: Edge): boolean {
  return edge.kind === 'done' || edge.kind === 'failed' || edge.kind === 'canceled'
}

/**
 * The next state of an edge, and what it wants done. Pure. Events that come too late (of work that was canceled, twice, after the
 * end) change nothing; an event that cannot happen in a state is a bug of the scheduler and throws.
 */
export function stepEdge(edge: Edge, event: EdgeEvent): Stepped {
  if (isFinal(edge)) return { edge, wishes: [] }
  switch (event.kind) {
    case 'cancel':
      return cancel(edge)
    case 'failed':
      return end(edge, edge.kind === 'stopping' ? { kind: 'canceled' } : { kind: 'failed', error: event.error })
    case 'interrupted':
      return end(edge, { kind: 'canceled' })
    default:
      return edge.kind === 'stopping' ? stopped(edge, event) : advance(edge, event)
  }
}

/** The way to a result, when nothing goes wrong. */
function advance(edge: Edge, event: EdgeEvent): Stepped {
  switch (edge.kind) {
    case 'waiting':
      if (event.kind !== 'input-done') break
      return edge.missing > 1 ? to(edge, { kind: 'waiting', missing: edge.missing - 1 }) : ready(edge)
    case 'keying':
      if (event.kind !== 'keyed') break
      return edge.ignoreCache && !event.shared ? claim(edge, event.key, 'ignored') : look(edge, event.key, false)
    case 'looking':
      return looked(edge, event)
    case 'claiming':
      if (event.kind === 'refused') return to(edge, { ...edge, kind: 'awaiting' }, { kind: 'wait', key: edge.key })
      if (event.kind !== 'claimed') break
      // Whoever held the key before may have recorded a result meanwhile.
      return edge.ignoreCache && !event.shared ? queue(edge, { key: edge.key, reason: edge.reason }) : look(edge, edge.key, true)
    case 'awaiting':
      if (event.kind !== 'woken') break
      return edge.ignoreCache && !event.shared ? claim(edge, edge.key, edge.reason) : look(edge, edge.key, false)
    case 'queued':
      if (event.kind !== 'admitted') break
      return to(edge, { kind: 'executing', claim: edge.claim }, { kind: 'execute', claim: edge.claim })
    case 'executing':
      if (event.kind === 'executed') return executed(edge, edge.claim, event.outcome)
      break
    case 'publishing':
      if (event.kind === 'published') return to(edge, { kind: 'done', outcome: edge.outcome }, { kind: 'settle' })
      break
  }
  throw new Error(`an edge cannot be ${event.kind} while it is ${edge.kind}`)
}

function ready(edge: Edge): Stepped {
  return edge.recorded ? to(edge, { kind: 'keying' }, { kind: 'compute-key' }) : queue(edge, undefined)
}

function looked(edge: Edge & { readonly kind: 'looking' }, event: EdgeEvent): Stepped {
  const { key, held } = edge
  if (event.kind === 'found') {
    const wishes: readonly Wish[] = held ? [{ kind: 'release', key }] : []
    return to(edge, { kind: 'done', outcome: 'cached' }, ...wishes, { kind: 'settle' })
  }
  if (event.kind !== 'not-found') throw new Error(`an edge cannot be ${event.kind} while it is looking`)
  return held ? queue(edge, { key, reason: event.reason }) : claim(edge, key, event.reason)
}

/** What was canceled while it worked comes to its end; a result that is there all the same is kept. */
function stopped(edge: Edge & { readonly kind: 'stopping' }, event: EdgeEvent): Stepped {
  if (event.kind === 'executed') return executed(edge, edge.claim, event.outcome)
  const granted = event.kind === 'claimed' && edge.asked !== undefined ? { key: edge.asked, reason: 'unknown' as const } : edge.claim
  return end({ ...edge, claim: granted }, { kind: 'canceled' })
}

function executed(edge: Edge, claim: Claimed | undefined, outcome: EdgeOutcome): Stepped {
  if (claim === undefined) return to(edge, { kind: 'done', outcome }, { kind: 'settle' })
  return to(edge, { kind: 'publishing', claim, outcome }, { kind: 'publish', claim, outcome })
}

function cancel(edge: Edge): Stepped {
  switch (edge.kind) {
    case 'keying':
      return to(edge, { kind: 'stopping', claim: undefined }, { kind: 'stop' })
    case 'looking':
      return to(edge, { kind: 'stopping', claim: heldClaim(edge) }, { kind: 'stop' })
    case 'claiming':
      return to(edge, { kind: 'stopping', claim: undefined, asked: edge.key }, { kind: 'stop' })
    case 'executing':
      return to(edge, { kind: 'stopping', claim: edge.claim }, { kind: 'stop' })
    case 'stopping':
    case 'publishing':
      return { edge, wishes: [] }
    default:
      return end(edge, { kind: 'canceled' })
  }
}

/** Ends an edge without a result: whatever it held or waited for is given back first. */
function end(edge: Edge, last: EdgeState): Stepped {
  const claim = heldClaim(edge)
  const wishes: Wish[] = edge.kind === 'queued' || edge.kind === 'awaiting' ? [{ kind: 'withdraw' }] : []
  if (claim !== undefined) wishes.push({ kind: 'release', key: claim.key })
  return to(edge, last, ...wishes, { kind: 'settle' })
}

function heldClaim(edge: Edge): Claimed | undefined {
  switch (edge.kind) {
    case 'looking':
      return edge.held ? { key: edge.key, reason: 'unknown' } : undefined
    case 'queued':
    case 'executing':
    case 'publishing':
    case 'stopping':
      return edge.claim
    default:
      return undefined
  }
}

function look(edge: Edge, key: Digest, held: boolean): Stepped {
  return to(edge, { kind: 'looking', key, held }, { kind: 'look-up', key })
}

function claim(edge: Edge, key: Digest, reason: MissReason): Stepped {
  return to(edge, { kind: 'claiming', key, reason }, { kind: 'claim', key })
}

function queue(edge: Edge, claimed: Claimed | undefined): Stepped {
  return to(edge, { kind: 'queued', claim: claimed }, { kind: 'queue' })
}

function to(edge: Edge, state: EdgeState, ...wishes: readonly Wish[]): Stepped {
  return { edge: { ...state, ...traitsOf(edge) }, wishes }
}

function traitsOf({ recorded, ignoreCache }: EdgeTraits): EdgeTraits {
  return { recorded, ignoreCache }
}
