import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blake3Digest, type Digest } from '../../core/digest.ts'
import { type Edge, type EdgeEvent, type EdgeTraits, isFinal, openEdge, stepEdge, type Wish } from '../../solver/edge.ts'

/** Numbers that a seed decides. */
type Random = (below: number) => number

function randomOf(seed: number): Random {
  let state = seed * 2654435761 + 1
  return (below) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d)
    state = Math.imul(state ^ (state >>> 12), 0x297a2d39)
    state ^= state >>> 15
    return (state >>> 0) % below
  }
}

interface Node {
  readonly id: number
  readonly inputs: readonly number[]
  /** Equal names on equal inputs are equal vertices. */
  readonly name: string
  readonly recorded: boolean
  readonly ignoreCache: boolean
  edge: Edge
  settled: number
  executions: number
}

/**
 * A build in which every answer to a wish waits in a heap, out of which any may come next; other builds hold keys and give them back,
 * work fails, and at some moment somebody may cancel.
 */
class World {
  readonly nodes: Node[] = []
  readonly random: Random
  readonly answers: (() => void)[] = []
  readonly records = new Map<Digest, 'whole' | 'lost'>()
  readonly claims = new Map<Digest, Node | 'foreign'>()
  readonly waiting = new Map<Digest, Node[]>()
  readonly made = new Set<Digest>()
  readonly failureIn: number
  canceled = false

  constructor(seed: number) {
    this.random = randomOf(seed)
    this.failureIn = [1000, 1000, 20, 6][this.random(4)] ?? 1000
    const size = 1 + this.random(12)
    const traits = Array.from({ length: size }, (_, id) => {
      const inputs = new Set(Array.from({ length: this.random(3) }, () => this.random(Math.max(1, id))).filter((input) => input < id))
      return { id, inputs: [...inputs], name: `op ${this.random(4)}`, recorded: this.random(8) > 0, ignoreCache: this.random(4) === 0 }
    })
    for (const each of traits) {
      const { edge, wishes } = openEdge(each, Math.max(1, each.inputs.length))
      assert.deepEqual(wishes, [])
      this.nodes.push({ ...each, edge, settled: 0, executions: 0 })
    }
    for (const { id } of this.nodes) {
      const key = this.keyOf(id)
      if (this.random(4) === 0) this.records.set(key, this.random(4) === 0 ? 'lost' : 'whole')
      if (this.random(5) === 0) this.holdForeign(key)
    }
    for (const node of this.nodes) if (node.inputs.length === 0) this.dispatch(node, { kind: 'input-done' })
  }

  keyOf(id: number): Digest {
    const { name, recorded, inputs } = this.nodes[id] as Node
    return blake3Digest(`${recorded ? name : id} ${inputs.map((input) => this.keyOf(input)).join()}`)
  }

  holdForeign(key: Digest): void {
    if (this.claims.has(key)) return
    this.claims.set(key, 'foreign')
    this.answers.push(() => {
      if (this.random(3) > 0) this.records.set(key, 'whole')
      this.free(key, false)
    })
  }

  run(): void {
    const cancelIn = this.random(3) === 0 ? this.random(60) : Number.POSITIVE_INFINITY
    for (let count = 0; this.answers.length > 0; count += 1) {
      assert.ok(count < 10_000, 'it comes to an end')
      if (count === cancelIn) this.cancel()
      const [answer] = this.answers.splice(this.random(this.answers.length), 1)
      answer?.()
    }
  }

  dispatch(node: Node, event: EdgeEvent): void {
    const { edge, wishes } = stepEdge(node.edge, event)
    if (isFinal(node.edge)) assert.equal(edge, node.edge, 'an end is an end')
    node.edge = edge
    for (const wish of wishes) this.carryOut(node, wish)
  }

  later(node: Node, makeEvent: () => EdgeEvent): void {
    this.answers.push(() => {
      const fails = this.random(this.failureIn) === 0
      this.dispatch(node, fails ? { kind: 'failed', error: 'broken' } : makeEvent())
    })
  }

  carryOut(node: Node, wish: Wish): void {
    switch (wish.kind) {
      case 'compute-key': {
        const key = this.keyOf(node.id)
        this.later(node, () => ({ kind: 'keyed', key, shared: this.made.has(key) }))
        break
      }
      case 'look-up':
        this.later(node, () => {
          const record = this.records.get(wish.key)
          if (record === 'whole') return { kind: 'found' }
          this.records.delete(wish.key)
          return { kind: 'not-found', reason: record === undefined ? 'unknown' : 'lost' }
        })
        break
      case 'claim':
        this.answers.push(() => {
          const free = !this.claims.has(wish.key)
          if (free) this.claims.set(wish.key, node)
          this.dispatch(node, free ? { kind: 'claimed', shared: this.made.has(wish.key) } : { kind: 'refused' })
        })
        break
      case 'wait':
        if (!this.claims.has(wish.key)) this.answers.push(() => this.dispatch(node, { kind: 'woken', shared: this.made.has(wish.key) }))
        else this.waiting.set(wish.key, [...(this.waiting.get(wish.key) ?? []), node])
        break
      case 'queue':
        this.later(node, () => (node.edge.kind === 'queued' ? { kind: 'admitted' } : { kind: 'cancel' }))
        break
      case 'execute':
        this.execute(node, wish)
        break
      case 'publish':
        assert.equal(this.claims.get(wish.claim.key), node)
        assert.equal(this.made.has(wish.claim.key), false, 'nothing is executed twice for one key')
        this.later(node, () => {
          this.records.set(wish.claim.key, 'whole')
          this.made.add(wish.claim.key)
          this.free(wish.claim.key, true)
          return { kind: 'published' }
        })
        break
      case 'release':
        assert.equal(this.claims.get(wish.key), node, 'only what is held is given back')
        this.free(wish.key, false)
        break
      case 'withdraw':
        for (const [key, nodes] of this.waiting)
          this.waiting.set(
            key,
            nodes.filter((each) => each !== node),
          )
        break
      case 'stop':
        assert.ok(this.canceled)
        break
      case 'settle':
        this.settle(node)
    }
  }

  execute(node: Node, { claim }: Extract<Wish, { kind: 'execute' }>): void {
    node.executions += 1
    assert.equal(node.executions, 1)
    for (const input of node.inputs) assert.equal(this.nodes[input]?.edge.kind, 'done', 'inputs are done')
    assert.equal(claim !== undefined, node.recorded)
    if (claim !== undefined) assert.equal(this.claims.get(claim.key), node, 'who executes holds the key')
    this.later(node, () => ({ kind: 'executed', outcome: 'done' }))
  }

  free(key: Digest, shared: boolean): void {
    this.claims.delete(key)
    const nodes = this.waiting.get(key) ?? []
    this.waiting.delete(key)
    for (const node of nodes) this.answers.push(() => node.edge.kind === 'awaiting' && this.dispatch(node, { kind: 'woken', shared }))
  }

  settle(node: Node): void {
    node.settled += 1
    if (node.edge.kind !== 'done') this.cancel()
    else for (const user of this.nodes) if (user.inputs.includes(node.id)) this.dispatch(user, { kind: 'input-done' })
  }

  cancel(): void {
    this.canceled = true
    for (const node of this.nodes) if (!isFinal(node.edge)) this.dispatch(node, { kind: 'cancel' })
  }
}

test('in whatever order things happen, every vertex ends once, and every claim is given back', () => {
  const ends = new Map<string, number>()
  for (let seed = 1; seed <= 4000; seed += 1) {
    try {
      const world = new World(seed)
      world.run()
      for (const { edge, settled } of world.nodes) {
        assert.equal(settled, 1)
        assert.ok(isFinal(edge))
        if (!world.canceled) assert.equal(edge.kind, 'done')
        ends.set(edge.kind, (ends.get(edge.kind) ?? 0) + 1)
      }
      assert.deepEqual([...world.claims.values()], [])
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
  for (const kind of ['done', 'failed', 'canceled']) assert.ok((ends.get(kind) ?? 0) > 100, `${kind} is among the ends`)
})

const KEY = blake3Digest('key')
const TRAITS: EdgeTraits = { recorded: true, ignoreCache: false }

/** Where events lead an edge, and all that it wished on the way. */
function follow(events: readonly EdgeEvent[], traits = TRAITS): { readonly edge: Edge; readonly wishes: readonly string[] } {
  let edge = openEdge(traits, 1).edge
  const wishes: string[] = []
  for (const event of events) {
    const stepped = stepEdge(edge, event)
    edge = stepped.edge
    wishes.push(...stepped.wishes.map(({ kind }) => kind))
  }
  return { edge, wishes }
}

const KEYED: readonly EdgeEvent[] = [{ kind: 'input-done' }, { kind: 'keyed', key: KEY, shared: false }]
const CLAIMED: readonly EdgeEvent[] = [...KEYED, { kind: 'not-found', reason: 'unknown' }, { kind: 'claimed', shared: false }]
const EXECUTING: readonly EdgeEvent[] = [...CLAIMED, { kind: 'not-found', reason: 'unknown' }, { kind: 'admitted' }]

test('what is known needs no claim', () => {
  const { edge, wishes } = follow([...KEYED, { kind: 'found' }])
  assert.equal(edge.kind, 'done')
  assert.deepEqual(wishes, ['compute-key', 'look-up', 'settle'])
})

test('after a claim it looks again: the one before may have recorded the result', () => {
  const { edge, wishes } = follow([...CLAIMED, { kind: 'found' }])
  assert.equal(edge.kind === 'done' && edge.outcome, 'cached')
  assert.deepEqual(wishes.slice(-2), ['release', 'settle'])
})

test('a step that ignores the cache looks for nothing, unless this build has made it', () => {
  const ignoring = { recorded: true, ignoreCache: true }
  assert.deepEqual(follow([...KEYED, { kind: 'claimed', shared: false }], ignoring).wishes, ['compute-key', 'claim', 'queue'])
  const shared: readonly EdgeEvent[] = [{ kind: 'input-done' }, { kind: 'keyed', key: KEY, shared: true }]
  assert.deepEqual(follow(shared, ignoring).wishes, ['compute-key', 'look-up'])
})

test('a cancel during the execution waits for its end, and then gives the claim back', () => {
  const canceled = follow([...EXECUTING, { kind: 'cancel' }])
  assert.equal(canceled.edge.kind, 'stopping')
  assert.equal(canceled.wishes.at(-1), 'stop')
  const ended = follow([...EXECUTING, { kind: 'cancel' }, { kind: 'failed', error: 'killed' }])
  assert.equal(ended.edge.kind, 'canceled')
  assert.deepEqual(ended.wishes.slice(-2), ['release', 'settle'])
})

test('a result that is there in spite of a cancel is kept', () => {
  const { edge, wishes } = follow([...EXECUTING, { kind: 'cancel' }, { kind: 'executed', outcome: 'done' }, { kind: 'published' }])
  assert.equal(edge.kind, 'done')
  assert.deepEqual(wishes.slice(-2), ['publish', 'settle'])
})

test('an event that cannot be is refused', () => {
  assert.throws(() => follow([{ kind: 'input-done' }, { kind: 'admitted' }]))
})
