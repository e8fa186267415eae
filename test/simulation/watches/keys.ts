/**
 * A unique key is had by one run at a time, and whoever asks for what has a key is answered with a run that had it while they asked.
 */
import type { JobStore } from "effect-scheduler"
import type { Scene, Watch } from "./watch.ts"

interface Tenure {
  readonly run: string
  readonly from: number
  until: number
}

export const keys = ({ fail, runs }: Scene): Watch => {
  /** Happenings are instants here: time stands still while many things happen. */
  let tick = 0
  const tenures = new Map<string, Array<Tenure>>()
  const asked = new Map<number, number>()
  const newest = (key: string) => tenures.get(key)?.at(-1)
  const take = ({ id, uniqueKey }: JobStore.NewRun) => {
    if (uniqueKey === null) return
    const before = newest(uniqueKey)
    if (before?.until === Infinity) fail(`${id} has the key ${uniqueKey}, which ${before.run} has`)
    tenures.set(uniqueKey, [...tenures.get(uniqueKey) ?? [], { run: id, from: tick, until: Infinity }])
  }
  const give = (id: string) => {
    const key = runs.get(id)?.uniqueKey
    const tenure = key === undefined || key === null ? undefined : newest(key)
    if (tenure?.run === id && tenure.until === Infinity) tenure.until = tick
  }
  return {
    see: (happening) => {
      tick++
      switch (happening._tag) {
        case "enqueued":
          return take(happening.run)
        case "revived":
          return take(runs.get(happening.run)!)
        case "claimed":
          if (happening.row.payload !== runs.get(happening.row.id)?.payload) {
            fail(`${happening.row.id} is claimed with a payload that is not its newest`)
          }
          return happening.row.uniqueWhile === "queued" ? give(happening.row.id) : undefined
        case "settled":
          return happening.done ? give(happening.settlement.run) : undefined
        case "cancelled":
          return happening.runs.forEach(give)
        case "taken":
        case "left":
          return happening.abandoned.forEach(give)
        case "requesting":
          return void asked.set(happening.call, tick)
        case "requested": {
          const { call, run, uniqueKey } = happening
          if (!runs.has(run)) fail(`who asked is answered with ${run}, which nobody made`)
          if (uniqueKey === undefined) return
          const since = asked.get(call)!
          const stoodIn = tenures.get(uniqueKey)?.some((tenure) => tenure.run === run && tenure.until >= since) === true
          if (!stoodIn) fail(`who asked for ${uniqueKey} is answered with ${run}, which did not have it then`)
          return
        }
        default:
          return
      }
    }
  }
}
