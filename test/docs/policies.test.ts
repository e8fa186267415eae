/**
 * docs/policies.md says what happens in the corner cases, and each row names the test that holds it to that.
 */
import { assert, describe, it } from "@effect/vitest"
import { Policy } from "effect-scheduler"
import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")
const rows = readFileSync(join(root, "docs/policies.md"), "utf8").split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| ---"))
  .map((line) => line.split(/(?<!\\) \| /).map((cell) => cell.replace(/^\| | \|$/g, "")))

/** `engine/pausing: title` means test/engine/pausing.test.ts; the chapters of the conformance suites are in src/testing. */
const sourceOf = (file: string): string | undefined =>
  [`test/${file}.test.ts`, `src/${file}.ts`].map((path) => join(root, path)).find((path) => existsSync(path))

describe("docs/policies.md", () => {
  it("names in each row a test that exists", () => {
    const missing: Array<string> = []
    let named = 0
    for (const cells of rows) {
      const last = cells.at(-1)!
      if (last === "test") continue
      const tests = [...last.matchAll(/`([^`]+)`/g)].map((match) => match[1]!)
      if (tests.length === 0) missing.push(`no test: ${cells[0]}`)
      for (const test of tests) {
        named++
        const at = test.indexOf(": ")
        const source = sourceOf(test.slice(0, at))
        if (source === undefined || !readFileSync(source, "utf8").includes(test.slice(at + 2))) missing.push(test)
      }
    }
    assert.deepStrictEqual(missing, [])
    assert.isAbove(named, 20)
  })

  it("has a row for every policy, with its default first", () => {
    const shown = new Map(rows.map((cells) => [cells[0]!.replaceAll("`", ""), cells[1]!]))
    for (const key of Object.keys(Policy.defaults) as Array<keyof Policy.Policy>) {
      const values = shown.get(key)
      assert.isDefined(values, key)
      const value = Policy.defaults[key]
      if (typeof value === "string") assert.isTrue(values?.startsWith(`\`"${value}"`), `${key}: ${values}`)
    }
  })
})
