import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { dialect } from "../../../src/stores/postgres/dialect.ts"
import * as Table from "../../../src/stores/sql/Table.ts"
import { client, isRunning } from "./server.ts"

const columns = [Table.text("id"), Table.int("at"), Table.text("name"), Table.int("big"), Table.list("limits")]
const sizes = [1, 2, 31, 32, 33, 500]

/** What the rows of a batch have in common travels once. */
describe.runIf(isRunning)("a batch comes back as it was given", () => {
  layer(client())((it) => {
    const yielded = (values: ReadonlyArray<ReadonlyArray<unknown>>) =>
      Effect.gen(function*() {
        const sql = yield* SqlClient
        const rows = dialect.rows(columns, values, "it's mine")
        const found = yield* sql`SELECT k.ns, k.id, k.at, k.name, k.big, k.limits FROM ${rows} k`.values
        return found.map(([ns, id, at, name, big, limits]) => [ns, id, number(at), name, number(big), limits])
      })
    const number = (value: unknown) => value === null ? null : Number(value)

    it.effect.each(sizes)(
      "%d rows, whose columns differ, or are alike, or are all missing",
      (size) =>
        Effect.gen(function*() {
          const values = Array.from({ length: size }, (_, n) => [
            `r${n}`,
            n % 3 === 0 ? null : n,
            "a, \"quoted\" {name}\\",
            null,
            n === size - 1 ? null : "[1]"
          ])
          assert.deepStrictEqual(yield* yielded(values), values.map((row) => ["it's mine", ...row]))
        })
    )

    it.effect.each(sizes)("%d rows that are all the same", (size) =>
      Effect.gen(function*() {
        const values = Array.from({ length: size }, () => ["r", 1, "n", 9_007_199_254_740_991, null])
        assert.deepStrictEqual(yield* yielded(values), values.map((row) => ["it's mine", ...row]))
      }))
  })
})
