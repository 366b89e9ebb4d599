import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Inventory, Item } from '../../../store/gc/item.ts'
import { evictionOrder } from '../../../store/gc/order.ts'

interface Given {
  readonly id: string
  readonly saves?: number
  readonly trees?: readonly string[]
  readonly tree?: string
  readonly created?: number
  readonly layers?: readonly string[]
}

const item = ({ id, saves = 1000, trees = [], tree, created = 0, layers = [] }: Given): Item => ({
  kind: 'record',
  id,
  type: 'regular',
  text: '{}',
  layers,
  bytes: layers.length > 0 ? 0 : 10_000,
  created,
  used: 0,
  saves,
  trees,
  ...(tree === undefined ? {} : { tree }),
})

function orderOf(given: readonly Given[], layers: Inventory['layers'] = new Map()): readonly string[] {
  const items = given.map(item)
  return evictionOrder({ items, layers }, items, 0).map(({ id }) => id)
}

test('steps that leave the tree as it is go before those that they stand on', () => {
  const none = { trees: ['t'], tree: 't' }
  const steps = [
    { id: 'base', tree: 't', saves: 1, created: 0 },
    { id: 'first', ...none, saves: 2, created: 1 },
    { id: 'second', ...none, saves: 3, created: 2 },
  ]
  assert.deepEqual(orderOf(steps), ['second', 'first', 'base'])
})

test('a ring is opened where it is worth least', () => {
  const steps = [
    { id: 'adds', trees: ['s'], tree: 't', saves: 5 },
    { id: 'removes', trees: ['t'], tree: 's', saves: 2 },
    { id: 'base', tree: 's', saves: 1 },
    { id: 'other', saves: 9 },
  ]
  // `base` and `removes` make the tree that `adds` stands on, and `removes` stands on what `adds` makes.
  assert.deepEqual(orderOf(steps), ['other', 'removes', 'adds', 'base'])
})

test('a layer that several name counts for each with its share', () => {
  const layers = new Map([['l', { id: 'l', bytes: 100_000, isNamed: false, isHeld: false }]])
  const shared = { layers: ['l'], saves: 4000 }
  const steps = [
    { id: 'one', ...shared },
    { id: 'two', ...shared },
    // Between 4 s for all of the layer and 4 s for half of it.
    { id: 'alone', saves: 600 },
  ]
  assert.deepEqual(orderOf(steps, layers), ['alone', 'one', 'two'])
})

test('ten thousand steps in one chain are ordered in a moment', () => {
  const steps = Array.from({ length: 10_000 }, (_, number) => ({
    id: String(number),
    trees: number === 0 ? [] : [`t${number - 1}`],
    tree: `t${number}`,
    saves: number,
  }))
  const order = orderOf(steps)
  assert.deepEqual([order[0], order.at(-1)], ['9999', '0'])
})
