/** Files for tests, gone with the scope; and what is in them. */
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

export const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-scheduler-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

export const temporaryFile = Effect.map(temporaryDirectory, (directory) => join(directory, "jobs.db"))

const literal = (value: unknown): string =>
  value === null ? "NULL" : typeof value === "number" ? String(value) : `'${String(value).replaceAll("'", "''")}'`

/** A database as text: its schema and its rows, in a fixed order. */
export const dump = (filename: string): string => {
  const db = new DatabaseSync(filename, { readOnly: true })
  try {
    const schema = db.prepare("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").all()
    const lines: Array<string> = []
    for (const { name, sql, type } of schema) {
      lines.push(`${sql};`)
      if (type !== "table") continue
      const rows = db.prepare(`SELECT * FROM ${name} ORDER BY 1, 2`).all().map((row) =>
        `INSERT INTO ${name} VALUES (${Object.values(row).map(literal).join(", ")});`
      )
      lines.push(...rows.toSorted())
    }
    return lines.join("\n") + "\n"
  } finally {
    db.close()
  }
}
