/**
 * Instants and columns as the examples print them: UTC, aligned, one line each.
 */
import { DateTime } from "effect"

/** `2026-11-22 15:41:46.224Z` */
export const instant = (at: DateTime.Utc): string => DateTime.formatIso(at).replace("T", " ")

/** `2026-11-22 15:41:46Z`: for instants that triggers give, which are rarely anything but whole seconds. */
export const plan = (at: DateTime.Utc): string => instant(at).replace(".000Z", "Z")

/** `15:41:46.224Z`, with its date where that is not the date of `day`. */
export const timeOf = (at: DateTime.Utc, day: DateTime.Utc): string => {
  const text = instant(at)
  return text.slice(0, 10) === instant(day).slice(0, 10) ? text.slice(11) : text
}

/** `1,240 ms`, `3.2 s`, `2 h 5 min`: what a reader can take in at a glance. */
export const duration = (millis: number): string => {
  if (millis < 0) return `-${duration(-millis)}`
  if (millis < 1_000) return `${Math.round(millis)} ms`
  if (millis < 60_000) return `${(millis / 1_000).toFixed(1).replace(/\.0$/, "")} s`
  const minutes = Math.floor(millis / 60_000)
  if (minutes < 60) return join(minutes, "min", Math.round((millis % 60_000) / 1_000), "s")
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? join(hours, "h", minutes % 60, "min") : join(Math.floor(hours / 24), "d", hours % 24, "h")
}

const join = (large: number, unit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smallUnit}`

/** A value of the history on one line, cut where it gets long. */
export const value = (value: unknown): string => {
  if (value === undefined || value === null) return ""
  const text = typeof value === "string" ? value : JSON.stringify(value)
  const line = text.replaceAll(/\s+/g, " ").trim()
  return line.length <= 100 ? line : `${line.slice(0, 97)}...`
}

/** Rows under a heading, each column as wide as its longest cell. */
export const table = (heading: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = heading.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)))
  return [heading, ...rows]
    .map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd())
    .join("\n")
}
