/**
 * Time zones by name, shared by all triggers.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Bounded from "../bounded.ts"
import { show, TriggerError } from "../error.ts"
import { fromIntl } from "./offsets.ts"
import * as Table from "./table.ts"

/**
 * A zone as text: an IANA name, or an offset such as `"+05:30"`.
 *
 * @internal
 */
export const toText = (field: string, zone: string | DateTime.TimeZone | undefined): string => {
  if (zone === undefined) return "UTC"
  if (typeof zone === "string") return zone
  if (DateTime.isTimeZone(zone)) return DateTime.zoneToString(zone)
  throw unknown(field, zone)
}

/** Zones by name, and their tables by the name that `Intl` prefers, so that aliases share one. */
const zones = Bounded.make<string, Table.Table>(1024)
const tables = Bounded.make<string, Table.Table>(1024)

const utc = Table.fixed(0)
zones.set("UTC", utc)

/**
 * The table of a zone. Throws a `TriggerError` when there is no such zone.
 *
 * @internal
 */
export const table = (field: string, name: string): Table.Table => {
  const known = zones.get(name)
  if (known !== undefined) return known
  const found = fixedOffset(field, name) ?? named(name)
  if (found === undefined) throw unknown(field, name)
  zones.set(name, found)
  return found
}

const offsetPattern = /^([+-])(\d{2}):?(\d{2})?(?::(\d{2}))?$/

const fixedOffset = (field: string, name: string): Table.Table | undefined => {
  const match = offsetPattern.exec(name)
  if (match === null) return undefined
  const [, sign, hours, minutes = "0", seconds = "0"] = match
  if (+hours! > 23 || +minutes > 59 || +seconds > 59) throw unknown(field, name)
  const offset = +hours! * 3600 + +minutes * 60 + +seconds
  return Table.fixed(sign === "-" ? -offset : offset)
}

const named = (name: string): Table.Table | undefined => {
  // text that no zone is called is not worth asking Intl for
  if (name.length > 64 || !/^[A-Za-z][A-Za-z0-9_+/-]*$/.test(name)) return undefined
  const zone = fromIntl(name)
  if (zone === undefined) return undefined
  if (zone.canonical === "UTC") return utc
  let shared = tables.get(zone.canonical)
  if (shared === undefined) {
    shared = Table.make(zone.offsetAt)
    tables.set(zone.canonical, shared)
  }
  return shared
}

const unknown = (field: string, zone: unknown): TriggerError =>
  new TriggerError({
    reason: "timeZone",
    field,
    value: show(zone),
    expected: `an IANA time zone such as "Europe/Warsaw", or an offset such as "+05:30"`
  })
