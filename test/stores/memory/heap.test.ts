import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Heap } from "../../../src/stores/memory/heap.ts"

interface Item {
  readonly name: number
  key: number
  slot: number
}

const key = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))

/** What is done to the heap: add an item, or move or take out one of those that lie in it. */
const Deeds = Schema.Array(Schema.Union([
  Schema.Struct({ _tag: Schema.tag("add"), key }),
  Schema.Struct({ _tag: Schema.tag("move"), which: Schema.Int, key }),
  Schema.Struct({ _tag: Schema.tag("remove"), which: Schema.Int })
]))

const order = (a: Item, b: Item) => a.key - b.key || a.name - b.name
const names = (items: ReadonlyArray<Item>) => items.map(({ name }) => name)

/** Does the deeds to a heap, and to an array that is kept in order. */
const perform = (deeds: typeof Deeds.Type) => {
  const heap = new Heap<Item>(({ key }) => key, (a, b) => a.name < b.name)
  const gone: Array<Item> = []
  let items: Array<Item> = []
  for (const [name, deed] of deeds.entries()) {
    if (deed._tag === "add") {
      const item = { name, key: deed.key, slot: -1 }
      heap.add(item)
      items.push(item)
    } else if (items.length > 0) {
      const item = items[Math.abs(deed.which) % items.length]!
      if (deed._tag === "move") {
        item.key = deed.key
        heap.moved(item)
      } else {
        heap.remove(item)
        items = items.filter((other) => other !== item)
        gone.push(item)
      }
    }
    items.sort(order)
    assert.strictEqual(heap.first, items[0])
    assert.strictEqual(heap.size, items.length)
  }
  return { heap, items, gone }
}

describe("Heap", () => {
  it.effect.prop(
    "gives its items in order, whatever was done to it",
    { deeds: Deeds },
    ({ deeds }) =>
      Effect.sync(() => {
        const { gone, heap, items } = perform(deeds)
        assert.deepStrictEqual(names(heap.leading(Infinity, Infinity)), names(items))
        assert.isTrue(gone.every(({ slot }) => slot === -1))
        assert.strictEqual(new Set(items.map(({ slot }) => slot)).size, items.length)
        const drained: Array<Item> = []
        for (let item = heap.first; item !== undefined; item = heap.first) {
          drained.push(item)
          heap.remove(item)
        }
        assert.deepStrictEqual(names(drained), names(items))
      }),
    { arbitrary: { runs: 200, seed: "heap" } }
  )

  it.effect.prop(
    "shows what leads it, and what lies beyond, and stays as it is",
    { deeds: Deeds, bound: key, limit: key },
    ({ bound, deeds, limit }) =>
      Effect.sync(() => {
        const { heap, items } = perform(deeds)
        const within = items.filter(({ key }) => key <= bound)
        assert.deepStrictEqual(names(heap.leading(limit, bound)), names(within.slice(0, limit)))
        assert.strictEqual(heap.keyBeyond(bound), items.find(({ key }) => key > bound)?.key)
        assert.deepStrictEqual(names(heap.leading(Infinity, Infinity)), names(items))
      }),
    { arbitrary: { runs: 200, seed: "heap" } }
  )
})
