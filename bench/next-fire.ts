/**
 * Question: what does the next fire time cost?
 *
 * One `next` from an arbitrary instant of two years, the median over rounds of CPU time per call, every library in the same process and
 * on the same instants. Then compiling, and how long it takes to find out that an expression never fires.
 */
import { CronExpressionParser } from "cron-parser"
import { Cron as Croner } from "croner"
import { Cron, Result } from "effect"
import { Trigger } from "effect-scheduler"
import { createTask } from "node-cron"

type Next = (after: number) => number

const anchor = Date.UTC(2020, 0)

const libraries: Record<string, (expression: string, zone: string) => Next> = {
  "effect-scheduler": (expression, timeZone) => {
    const { occurrences } = Trigger.cron(expression, { timeZone })
    return (after) => occurrences.next(after, anchor)!
  },
  "Effect Cron": (expression, zone) => {
    const cron = Result.getOrThrow(Cron.parse(expression, zone))
    return (after) => Cron.next(cron, after).getTime()
  },
  croner: (expression, zone) => {
    const job = new Croner(expression, { timezone: zone })
    return (after) => job.nextRun(new Date(after))!.getTime()
  },
  "cron-parser": (expression, zone) => (after) =>
    CronExpressionParser.parse(expression, { tz: zone, currentDate: new Date(after) }).next().getTime(),
  "node-cron": (expression, zone) => {
    // It offers the next run from now only; its matcher can be asked from anywhere.
    const task = createTask(expression, () => {}, { timezone: zone }) as unknown as {
      readonly timeMatcher: { readonly getNextMatch: (from: Date) => Date }
    }
    return (after) => task.timeMatcher.getNextMatch(new Date(after)).getTime()
  }
}

/** The same pseudo-random instants for everybody. */
const instants = Array.from(
  { length: 4096 },
  (_, i) => Date.UTC(2025, 0) + (Math.imul(i + 1, 2654435761) >>> 0) % (730 * 86_400) * 1000
)

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** Nanoseconds of CPU per call: on a busy machine the wall clock tells of the neighbours. */
const measure = (next: Next): number => {
  for (let i = 0; i < 50; i++) next(instants[i]!)
  const rounds: Array<number> = []
  for (let round = 0; round < 7; round++) {
    let calls = 0
    const from = process.cpuUsage()
    let used = 0
    while (used < 30_000) {
      for (let i = 0; i < 64; i++) next(instants[(calls + i) & 4095]!)
      calls += 64
      const { system, user } = process.cpuUsage(from)
      used = system + user
    }
    rounds.push(used * 1000 / calls)
  }
  return median(rounds)
}

const rows = [
  ["*/5 * * * *", "UTC"],
  ["30 9 * * 1-5", "UTC"],
  ["0 0 L * *", "UTC"],
  ["0 0 29 2 *", "UTC"],
  ["*/5 * * * *", "America/New_York"],
  ["0 9 * * *", "America/New_York"],
  ["30 9 * * 1-5", "America/New_York"]
] as const

const names = Object.keys(libraries)
console.log(`next, ns of CPU${" ".repeat(19)}${names.map((name) => name.padStart(17)).join("")}   fastest peer / ours`)
for (const [expression, zone] of rows) {
  const found = names.map((name) => {
    try {
      const next = libraries[name]!(expression, zone)
      next(instants[0]!)
      return measure(next)
    } catch {
      return NaN
    }
  })
  const peers = found.slice(1).filter((ns) => !Number.isNaN(ns))
  console.log(
    `${expression.padEnd(14)} ${zone.padEnd(18)}` +
      found.map((ns) => (Number.isNaN(ns) ? "cannot" : ns.toFixed(0)).padStart(17)).join("") +
      `   ${(Math.min(...peers) / found[0]!).toFixed(0)} times`
  )
}

console.log("\ncompiling a five-field cron, µs of CPU (a different expression each time)")
for (const name of names) {
  let n = 0
  const compile = () => {
    const i = n++
    libraries[name]!(`${i % 60} ${(i / 60 | 0) % 24} ${(i / 1440 | 0) % 28 + 1} * *`, "UTC")(instants[0]!)
  }
  // cron-parser and the others parse lazily or not: one `next` is part of it for everybody
  console.log(`${name.padEnd(18)} ${(measure(compile) / 1000).toFixed(1)}`)
}

console.log("\nfinding out that an expression never fires (0 0 30 2 *), ms")
for (const name of names) {
  const from = performance.now()
  let what = "says nothing"
  try {
    const next = libraries[name]!("0 0 30 2 *", "America/New_York")(instants[0]!)
    what = `answers ${next}`
  } catch (error) {
    what = `refuses: ${String(error).split("\n")[0]!.slice(0, 90)}`
  }
  console.log(`${name.padEnd(18)} ${(performance.now() - from).toFixed(1).padStart(8)}  ${what}`)
}
process.exit(0)
