/**
 * Somebody asks for runs of which some mean the same: unique, debounced and throttled ones, later ones, by keys with limits of their own.
 */
import { Effect } from "effect"
import { Retried, Work } from "../../support/world.ts"
import type { Random } from "../random.ts"
import type { Actor } from "../stage.ts"

const meaning = (random: Random) => {
  const time = `${random.pick([1, 5, 20])} seconds` as const
  const kind = random.int(0, 5)
  if (kind < 2) return { what: "unique", unique: true }
  if (kind < 4) return { what: "debounce", debounce: time }
  return kind < 5 ? { what: "throttle", throttle: time } : { what: "delay", delay: time }
}

export const requesting: Actor = {
  name: "requesting",
  chance: 0.4,
  act: Effect.fnUntraced(function*({ call, fresh, nodes, see }, random) {
    const node = random.pick(nodes)
    const task = random.pick([Work, Retried])
    const key = random.pick(["red", "blue"])
    const number = fresh()
    const { what, ...when } = meaning(random)
    const options = {
      payload: { name: `${what} ${number}` },
      key,
      ...when,
      ...random.chance(0.5) ? { concurrency: { key: 1, task: random.int(2, 3) } } : {},
      ...random.chance(0.2) ? { rate: { limit: 1, per: "5 seconds", burst: 2, key: true } as const } : {},
      priority: random.pick([0, 0, 60_000]),
      delivery: random.pick(["atLeastOnce", "atMostOnce"] as const),
      misfireGrace: random.pick(["30 seconds", Infinity] as const)
    }
    const uniqueKey = what === "unique" || what === "debounce" ? `${what}:${task.name}:${key}` : undefined
    const asked = Effect.sync(() => see({ _tag: "requesting", call: number }))
    const told = (run: string) =>
      Effect.sync(() => node.link.dead || see({ _tag: "requested", call: number, run, uniqueKey }))
    yield* call(node, what, Effect.andThen(asked, Effect.tap(node.scheduler.enqueue(task, options), told)))
  })
}
