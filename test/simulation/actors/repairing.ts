/**
 * Jobs and runs of an older program that a newer one cannot read, and somebody who lets such jobs out of quarantine again.
 */
import { Effect, Schema } from "effect"
import { Task } from "effect-scheduler"
import { Refused } from "../../support/world.ts"
import type { Actor, Node } from "../stage.ts"

const common = { success: Schema.String, error: Refused }

/** How a payload begins that the newer program has no use for. */
const unreadable = "unreadable"

const Older = Task.make("Mended", { ...common, payload: { name: Schema.String } })

const Newer = Task.make("Mended", {
  ...common,
  payload: { name: Schema.String, tone: Schema.String },
  version: 2,
  upgrade: {
    1: (older) => {
      const { name } = older as { readonly name: string }
      if (name.startsWith(unreadable)) throw new Error(`nobody can say what the tone of ${name} is`)
      return { name, tone: "plain" }
    }
  }
})

export const mended = { older: Older, newer: Newer }

/** Whether the newer program cannot read what is stored. */
export const isUnreadable = (
  { payload, task, taskVersion }: { readonly payload: string; readonly task: string; readonly taskVersion: number }
): boolean => task === Older.name && taskVersion === 1 && payload.startsWith(`{"name":"${unreadable}`)

/** A payload of the version of a node's program that everybody can read. */
const readable = ({ isNewer }: Node, name: string) => isNewer ? { name, tone: "loud" } : { name }

export const repairing: Actor = {
  name: "repairing",
  chance: 0.2,
  act: Effect.fnUntraced(function*({ anyRhythm, call, fresh, nodes, see, stored }, choice) {
    const node = choice.pick(nodes)
    const { isNewer, scheduler } = node
    const number = fresh()
    const quarantined = yield* Effect.orDie(stored.jobs({ state: "quarantined", limit: 10 }))
    if (quarantined.length > 0 && choice.chance(0.6)) {
      const { id } = choice.pick(quarantined)
      if (choice.chance(0.1)) return yield* call(node, "remove (quarantined)", scheduler.remove(id))
      if (choice.chance(0.1)) return yield* call(node, "pause (quarantined)", scheduler.pause(id))
      // As it is an older program can read it, and a newer one refuses to let it out.
      const options = choice.chance(0.7) ? { payload: readable(node, `mended ${number}`) } : {}
      const asked = Effect.sync(() => see({ _tag: "releasing", call: number, job: id }))
      const told = Effect.tap(
        scheduler.release(id, options),
        () => Effect.sync(() => node.link.dead || see({ _tag: "released", call: number, job: id }))
      )
      return yield* call(node, "release", Effect.andThen(asked, told))
    }
    const name = `${choice.chance(0.5) ? unreadable : "plain"} ${number}`
    if (choice.chance(0.3)) {
      return yield* call(
        node,
        "enqueue (mended)",
        isNewer
          ? scheduler.enqueue(Newer, { payload: { name, tone: "loud" } })
          : scheduler.enqueue(Older, { payload: { name } })
      )
    }
    const job = {
      id: `mended${choice.int(1, 2)}`,
      trigger: anyRhythm(choice),
      catchUp: choice.pick(["latest", "all", "none"] as const)
    }
    yield* call(
      node,
      "schedule (mended)",
      isNewer
        ? scheduler.schedule(Newer, { ...job, payload: { name, tone: "loud" } })
        : scheduler.schedule(Older, { ...job, payload: { name } })
    )
  }),
  /** Whatever is in quarantine is let out, and what would get there does not. */
  atLast: Effect.fnUntraced(function*({ anyRhythm, nodes, stored }, choice) {
    const node = nodes[nodes.length - 1]!
    for (const row of yield* Effect.orDie(stored.jobs({ task: Newer.name, limit: 10 }))) {
      const payload = { name: row.id, tone: "plain" }
      if (row.state === "quarantined") yield* Effect.orDie(node.scheduler.release(row.id, { payload }))
      else if (isUnreadable(row)) {
        yield* Effect.orDie(node.scheduler.schedule(Newer, { id: row.id, trigger: anyRhythm(choice), payload }))
      }
    }
  })
}
