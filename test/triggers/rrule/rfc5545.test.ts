import { assert, describe, it } from "@effect/vitest"
import * as Trigger from "../../../src/Trigger.ts"
import { examples, expand, textOf } from "./rfc-examples.ts"

const newYork = new Intl.DateTimeFormat("sv-SE", {
  timeZone: "America/New_York",
  dateStyle: "short",
  timeStyle: "short"
})

describe("RFC 5545, section 3.8.5.3", () => {
  for (const [name, lines, ranges, goesOn] of examples) {
    it(name, () => {
      const { next } = Trigger.occurrences(Trigger.rrule(textOf(lines)))
      const dates = ranges.flatMap(expand)
      const found: Array<string> = []
      let at = next(-Infinity, 0)
      for (; at !== undefined && found.length < dates.length; at = next(at, 0)) found.push(newYork.format(at))
      assert.deepStrictEqual(found, dates)
      assert.strictEqual(at !== undefined, goesOn)
    })
  }
})
