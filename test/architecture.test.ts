/**
 * House rules that a reader relies on, kept executable.
 */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../src")

const modules = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => {
    const source = readFileSync(join(root, file), "utf8")
    const imports = [...source.matchAll(/^(?:import|export)\s[^"]*?from "(\.[^"]+)"/gm)]
      .map((match) => relative(root, resolve(root, dirname(file), match[1]!)))
    return { file, source, imports }
  })

/** Which part of the house a file belongs to. */
const roomOf = (file: string): string => {
  const [first] = file.split("/")
  if (file.includes("/")) return first!
  if (/^(Task|Trigger|Job|Policy|Continuation|Run|Verdict|Snapshot)\.ts$/.test(file)) return "words"
  if (/^(JobStore|Executor)\.ts$/.test(file)) return "contracts"
  if (/^Scheduler(Event|Error|Metric)\.ts$/.test(file)) return "words"
  if (/^(Scheduler|DeclaredJobs)\.ts$/.test(file)) return "face"
  return "entry"
}

/** What each room may look at, besides itself. */
const mayImport: Record<string, ReadonlyArray<string>> = {
  internal: ["words"],
  triggers: ["words", "internal"],
  words: ["triggers", "contracts", "internal"],
  contracts: ["words"],
  decisions: ["words", "triggers"],
  engine: ["words", "contracts", "decisions", "triggers", "internal"],
  stores: ["words", "contracts", "internal"],
  executors: ["words", "contracts", "internal"],
  tasks: ["words", "internal"],
  face: ["words", "contracts", "engine", "triggers", "internal", "stores", "executors"],
  testing: ["words", "contracts", "triggers", "internal", "stores", "executors", "face"]
}

describe("the house", () => {
  it("is looked at as a whole", () => {
    assert.isAbove(modules.length, 60)
    assert.isAbove(modules.flatMap(({ imports }) => imports).length, 200)
  })

  it("has its arrows pointing one way", () => {
    const wrong: Array<string> = []
    for (const { file, imports } of modules) {
      const room = roomOf(file)
      if (room === "entry") continue
      for (const target of imports) {
        const other = roomOf(target)
        if (other !== room && !mayImport[room]?.includes(other)) wrong.push(`${file} imports ${target}`)
      }
    }
    assert.deepStrictEqual(wrong, [])
  })

  it("shows no type that is read off what the declarations leave out", () => {
    // what is marked `@internal` is missing from them, and a type that mentions it would be anything
    const wrong = modules.flatMap(({ file, source }) =>
      [...source.matchAll(/@internal\s*(?:\*\/)\s*export const (\w+)/g)]
        .filter(([, name]) => new RegExp(`export (type|interface)[^]*?typeof ${name}\\b`).test(source))
        .map(([, name]) => `${file}: ${name}`)
    )
    assert.deepStrictEqual(wrong, [])
  })

  it("has no cycle between modules that run", () => {
    const runtime = new Map(modules.map(({ file, source }) => [
      file,
      [...source.matchAll(/^(?:import|export)\s(?!type\b)([^"]*?)from "(\.[^"]+)"/gm)]
        .filter((match) => !/^\{\s*(type\s+\w+\s*,?\s*)+\}\s*$/.test(match[1]!))
        .map((match) => relative(root, resolve(root, dirname(file), match[2]!)))
    ]))
    const cycles: Array<string> = []
    const done = new Set<string>()
    const visit = (file: string, path: ReadonlyArray<string>): void => {
      const at = path.indexOf(file)
      if (at >= 0) {
        cycles.push([...path.slice(at), file].join(" → "))
        return
      }
      if (done.has(file)) return
      for (const next of runtime.get(file) ?? []) visit(next, [...path, file])
      done.add(file)
    }
    for (const file of runtime.keys()) visit(file, [])
    assert.deepStrictEqual(cycles, [])
  })

  it("takes time, chance and timers from Effect's services only", () => {
    const ambient = /\bDate\.now\(|new Date\(\)|Math\.random\(|\bsetTimeout\(|\bsetInterval\(|performance\.now\(/
    const found = modules.flatMap(({ file, source }) =>
      source.split("\n").flatMap((line, i) => ambient.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])
    )
    assert.deepStrictEqual(found, [])
  })

  it("keeps drivers out of the root entry", () => {
    const seen = new Set<string>()
    const visit = (file: string): void => {
      if (seen.has(file)) return
      seen.add(file)
      for (const next of modules.find((module) => module.file === file)?.imports ?? []) visit(next)
    }
    visit("index.ts")
    const drivers = modules
      .filter(({ file, source }) =>
        seen.has(file) && /^(?:import|export)\s[^"]*?from "(node:sqlite|effect\/sql|effect\/http)/m.test(source)
      )
      .map(({ file }) => file)
    assert.deepStrictEqual(drivers, [])
  })

  it("runs on the Node that the project brings", () => {
    assert.match(process.version, /^v24\./)
  })
})
