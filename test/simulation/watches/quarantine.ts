/**
 * A job is put into quarantine only if somebody cannot read it, does nothing there, and goes on where it stood when it is let out.
 */
import type { JobStore } from "effect-scheduler"
import { isUnreadable } from "../actors/repairing.ts"
import type { Scene, Watch } from "./watch.ts"

export const quarantine = ({ fail }: Scene): Watch => {
  const jobs = new Map<string, JobStore.JobRow>()
  /** How often each job was put there. */
  const times = new Map<string, number>()
  const asked = new Map<number, number>()
  const timesOf = (job: string) => times.get(job) ?? 0
  const isIn = (job: string) => jobs.get(job)?.state === "quarantined"

  const replaced = (before: JobStore.JobRow | undefined, after: JobStore.JobRow) => {
    const { id } = after
    jobs.set(id, after)
    if (after.state === "quarantined" && before?.state !== "quarantined") {
      times.set(id, timesOf(id) + 1)
      if (!isUnreadable(after)) fail(`${id} is put into quarantine, and can be read`)
    }
    if (before?.state !== "quarantined" || after.state === "quarantined") return
    const isSame = before.trigger === after.trigger && before.anchor === after.anchor
    if (isSame && before.cursor !== after.cursor) {
      fail(`${id} left quarantine at ${after.cursor}, and stood at ${before.cursor}`)
    }
  }

  return {
    see: (happening) => {
      switch (happening._tag) {
        case "inserted":
          return void jobs.set(happening.row.id, happening.row)
        case "committed": {
          const { change: { job, runs, update } } = happening
          const before = jobs.get(job)
          if (isIn(job) && runs.some(({ origin }) => origin === "trigger")) fail(`${job} fires in quarantine`)
          switch (update._tag) {
            case "Advance":
              return before === undefined ? undefined : void jobs.set(job, { ...before, ...update, id: job })
            case "Replace":
              return replaced(before, { ...update.row, id: job })
            case "Renew":
              return void jobs.set(job, { ...update.row, id: job })
            case "Delete":
              return void jobs.delete(job)
          }
          return
        }
        case "releasing":
          return void asked.set(happening.call, timesOf(happening.job))
        case "released": {
          const { call, job } = happening
          if (isIn(job) && timesOf(job) === asked.get(call)) fail(`release of ${job} returned, and it is in quarantine`)
          return
        }
        default:
          return
      }
    }
  }
}
