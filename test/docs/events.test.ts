/**
 * docs/events.md knows every kind of ours, and one of ours for every kind that APScheduler has.
 */
import { assert, describe, it } from "@effect/vitest"
import { SchedulerEvent } from "effect-scheduler"
import { readFileSync } from "node:fs"
import { resolve } from "node:path"

const text = readFileSync(resolve(import.meta.dirname, "../../docs/events.md"), "utf8")

/** The tables, by the title of their first column: the names in the first cell, and those in the second. */
const tables = new Map<string, Array<readonly [theirs: ReadonlyArray<string>, ours: ReadonlyArray<string>]>>()
let rows: Array<readonly [ReadonlyArray<string>, ReadonlyArray<string>]> = []
for (const line of text.split("\n")) {
  const cells = line.split("|").slice(1, -1).map((cell) => cell.trim())
  if (cells.length === 0 || cells[0]?.startsWith("---")) continue
  const names = (cell: string | undefined) => [...cell!.matchAll(/`([A-Za-z_]+)`/g)].map((match) => match[1]!)
  if (names(cells[0]).length === 0) tables.set(cells[0]!, rows = [])
  else rows.push([names(cells[0]), names(cells[1])])
}

/** The 17 codes of APScheduler 3.11, `apscheduler/events.py`. */
const three = [
  ...["STARTED", "SHUTDOWN", "PAUSED", "RESUMED"].map((name) => `SCHEDULER_${name}`),
  ...["EXECUTOR", "JOBSTORE"].flatMap((name) => [`${name}_ADDED`, `${name}_REMOVED`]),
  "ALL_JOBS_REMOVED",
  ...["ADDED", "REMOVED", "MODIFIED", "EXECUTED", "ERROR", "MISSED", "SUBMITTED", "MAX_INSTANCES"].map((name) =>
    `JOB_${name}`
  )
].map((name) => `EVENT_${name}`)

/** The event classes of APScheduler 4.0.0a6, `apscheduler/_events.py`. */
const four = [
  "TaskAdded",
  "TaskUpdated",
  "TaskRemoved",
  "ScheduleAdded",
  "ScheduleUpdated",
  "ScheduleRemoved",
  "ScheduleDeserializationFailed",
  "JobAdded",
  "JobRemoved",
  "JobDeserializationFailed",
  "JobAcquired",
  "JobReleased",
  "SchedulerStarted",
  "SchedulerStopped"
]

describe("docs/events.md", () => {
  it("has a row for every kind, and for no other", () => {
    const shown = tables.get("kind")!.flatMap(([names]) => names)
    assert.deepStrictEqual(shown.toSorted(), [...SchedulerEvent.kinds].sort())
  })

  for (const [title, theirs] of [["APScheduler 3", three], ["APScheduler 4", four]] as const) {
    it(`names ours for every event of ${title}`, () => {
      const table = tables.get(title)!
      assert.deepStrictEqual(table.flatMap(([names]) => names).toSorted(), [...theirs].sort())
      const kinds: ReadonlyArray<string> = SchedulerEvent.kinds
      for (const [names, ours] of table) {
        assert.isTrue(ours.some((name) => kinds.includes(name)), names.join())
        // What begins like one of our kinds is one.
        for (const name of ours) if (/^[A-Z]/.test(name)) assert.include(kinds, name)
      }
    })
  }

  it("counts 17 and 14 of theirs", () => assert.deepStrictEqual([three.length, four.length], [17, 14]))
})
