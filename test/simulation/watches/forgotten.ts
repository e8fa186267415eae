/**
 * Nothing is forgotten before its time, unless its task remembers few and there are as many newer ones; nothing that is forgotten comes again.
 */
import type { JobStore } from "effect-scheduler"
import { history, Remembered } from "../actors/remembering.ts"
import type { Scene, Watch } from "./watch.ts"

const parentOf = (id: string) => id.replace(/(:then:|\.)\d+$/, "")

/** Somebody may ask for it again. */
const isRecalled = ({ id, origin }: JobStore.RunRow) => origin === "continuation" || id.startsWith("throttle:")

const isCounted = (row: JobStore.RunRow) => row.task === Remembered.name && row.state === "done" && !isRecalled(row)

const isNewer = (a: JobStore.RunRow, b: JobStore.RunRow) =>
  a.finished! > b.finished! || (a.finished === b.finished && a.id > b.id)

export const forgotten = ({ fail, runs }: Scene): Watch => {
  const gone = new Set<string>()
  const revived = new Set<string>()
  return {
    see: (happening) => {
      switch (happening._tag) {
        case "revived":
          return void revived.add(happening.run)
        case "swept": {
          const { kept, now, rows } = happening
          const counted = [...kept, ...rows].filter(isCounted)
          for (const row of rows) {
            const { expiresAt, finished, id, state } = row
            gone.add(id)
            const { retention } = runs.get(id)!
            if (state !== "done") fail(`${id} is forgotten, and is ${state}`)
            else if (expiresAt !== finished! + retention) {
              fail(`${id}, which ended at ${finished}, is to be forgotten at ${expiresAt}`)
            } else if (expiresAt > now) {
              if (!isCounted(row)) fail(`${id}, which ended at ${finished}, is forgotten at ${now}`)
              else if (counted.filter((other) => isNewer(other, row)).length < history) {
                fail(`${id} is forgotten at ${now}, and is one of the ${history} newest`)
              }
            }
          }
          const left = kept.filter(isCounted).length
          if (left > history) fail(`${left} runs are remembered at ${now} of a task that remembers ${history}`)
          return
        }
        case "enqueued": {
          const { id, origin } = happening.run
          // What goes again lives longer than those who followed it.
          if (!gone.has(id) || revived.has(parentOf(id))) return
          if (origin === "continuation" || id.startsWith("throttle:")) fail(`${id} was forgotten, and comes again`)
          return
        }
        default:
          return
      }
    }
  }
}
