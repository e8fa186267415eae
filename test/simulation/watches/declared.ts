/**
 * What a newer version of a program has declared, an older one does not undo.
 */
import type { JobStore } from "effect-scheduler"
import type { Scene, Watch } from "./watch.ts"

const versionOf = ({ tags }: JobStore.JobRow): number => {
  const tag = (JSON.parse(tags) as ReadonlyArray<string>).find((tag) => tag.startsWith("declared:"))
  return Number(tag?.split("@")[1] ?? -Infinity)
}

export const declared = ({ fail }: Scene): Watch => {
  const versions = new Map<string, number>()
  return {
    see: (happening) => {
      if (happening._tag === "inserted") versions.set(happening.row.id, versionOf(happening.row))
      if (happening._tag !== "committed") return
      const { job, update } = happening.change
      if (update._tag === "Delete") versions.delete(job)
      if (update._tag !== "Replace" && update._tag !== "Renew") return
      const version = versionOf(update.row)
      const before = versions.get(job) ?? -Infinity
      if (version < before) fail(`${job} was declared by version ${before}, and is by ${version}`)
      versions.set(job, version)
    }
  }
}
