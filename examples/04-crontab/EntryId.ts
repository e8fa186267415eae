/**
 * The ids under which the entries of a crontab are kept: the file and a hash of the command.
 *
 * So an entry that moves, or is given another time or environment, stays the same job; another command is another job.
 */
import { createHash } from "node:crypto"
import type { Entry } from "./Crontab.ts"

/** What the ids of a file's entries begin with. */
export const prefix = (file: string): string => `${file}#`

/** The entries under their ids. The same command twice is told apart by its order. */
export const assign = (file: string, entries: ReadonlyArray<Entry>): ReadonlyArray<readonly [id: string, Entry]> => {
  const seen = new Map<string, number>()
  return entries.map((entry) => {
    const identity = JSON.stringify([entry.user, entry.command, entry.stdin])
    const hash = createHash("sha256").update(identity).digest("hex").slice(0, 8)
    const count = (seen.get(hash) ?? 0) + 1
    seen.set(hash, count)
    return [`${prefix(file)}${hash}${count === 1 ? "" : `.${count}`}`, entry]
  })
}
