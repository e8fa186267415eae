/**
 * Several stores side by side: which one a call means.
 */
import * as Effect from "effect/Effect"
import { InvalidOption } from "../SchedulerError.ts"
import type * as Task from "../Task.ts"
import type { Core } from "./core.ts"
import type { Definition } from "./definition.ts"
import type { Request } from "./runs.ts"
import * as StoreVerbs from "./verbs.ts"

/** Where what a call makes is kept. */
interface InStore {
  readonly store?: string | undefined
}

/** The verbs of each store by its name. What a call makes goes where its `store` says, else to the store whose verb it is. */
export const make = (cores: ReadonlyArray<Core>) => {
  const own = new Map(cores.map((core) => [core.name, StoreVerbs.make(core)]))
  const unknown = (name: string) =>
    new InvalidOption({
      field: "store",
      value: JSON.stringify(name),
      expected: `one of ${[...own.keys()].map((store) => JSON.stringify(store)).join(", ")}`
    })
  const find = <A>(verbs: ReadonlyMap<string, A>, name: string): Effect.Effect<A, InvalidOption> => {
    const known = verbs.get(name)
    return known === undefined ? Effect.fail(unknown(name)) : Effect.succeed(known)
  }

  /** What many calls make at once: together for each store, and answered in the order of the calls. */
  const each = Effect.fnUntraced(function*<Call extends InStore, A, E>(
    home: string,
    calls: ReadonlyArray<Call>,
    verb: (verbs: StoreVerbs.Verbs, calls: ReadonlyArray<Call>) => Effect.Effect<ReadonlyArray<A>, E>
  ) {
    if (calls.every(({ store = home }) => store === home)) return yield* verb(own.get(home)!, calls)
    const groups = new Map<string, Array<number>>()
    for (const [i, { store = home }] of calls.entries()) {
      const group = groups.get(store)
      if (group !== undefined) group.push(i)
      // Before anything is written.
      else if (own.has(store)) groups.set(store, [i])
      else return yield* unknown(store)
    }
    const answers: Array<A> = []
    for (const [store, indices] of groups) {
      const made = yield* verb(own.get(store)!, indices.map((i) => calls[i]!))
      indices.forEach((i, n) => answers[i] = made[n]!)
    }
    return answers
  })

  const routed = (home: string, verbs: StoreVerbs.Verbs) => ({
    ...verbs,
    schedule: (task: Task.Any, { store = home, ...definition }: Definition & InStore) =>
      Effect.flatMap(find(own, store), (verbs) => verbs.schedule(task, definition)),
    scheduleAll: (task: Task.Any, definitions: ReadonlyArray<Definition & InStore>) =>
      each(home, definitions, (verbs, some) => verbs.scheduleAll(task, some)),
    enqueue: (task: Task.Any, { store = home, ...request }: Request & InStore = {}) =>
      Effect.flatMap(find(own, store), (verbs) => verbs.enqueue(task, request)),
    enqueueAll: (task: Task.Any, requests: ReadonlyArray<Request & InStore>) =>
      each(home, requests, (verbs, some) => verbs.enqueueAll(task, some)),
    run: (task: Task.Any, { store = home, ...request }: Request & InStore = {}) =>
      Effect.flatMap(find(own, store), (verbs) => verbs.run(task, request))
  })

  const views = new Map(Array.from(own, ([name, verbs]) => [name, routed(name, verbs)]))
  return { views, names: [...views.keys()], in: (name: string) => find(views, name) }
}
