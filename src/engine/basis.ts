/**
 * What the next occurrence of a job depends on besides its row: the edition of the time-zone database, and the versions of the shared
 * calendars that its trigger names. It is written to the job, so that a node which knows others can tell.
 */
import type * as JobStore from "../JobStore.ts"
import * as Trigger from "../Trigger.ts"

/** The edition alone for most triggers; with named calendars `2025b {"holidays":"v2"}`. */
export const basisOf = (trigger: Trigger.Trigger): string => {
  const calendars = Trigger.calendarVersions(trigger)
  for (const _ in calendars) return `${Trigger.zoneDataVersion} ${JSON.stringify(calendars)}`
  return Trigger.zoneDataVersion
}

/** An older node leaves a job to those with the newer data, or the two would plan it in turns. Editions sort as text: 2025b, 2026a. */
export const isPlannedByNewerZoneData = (row: JobStore.JobRow): boolean => {
  if (row.tz === Trigger.zoneDataVersion || Trigger.zoneDataVersion === "unknown") return false
  const [edition] = row.tz.split(" ", 1)
  return edition !== "unknown" && edition! > Trigger.zoneDataVersion
}
