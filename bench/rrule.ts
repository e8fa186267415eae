/**
 * Question: what does the next instant of a recurrence rule cost, from an arbitrary instant, and how much of it is the
 * rule's age? CPU time per call, rrule and rrule-temporal in the same run.
 *
 *     node --conditions=source --disable-warning=ExperimentalWarning rrule.ts
 *
 * rrule knows wall times only, so it is asked in UTC throughout; a rule in a named zone costs it more.
 */
import { Trigger } from "effect-scheduler"
import rruleModule from "rrule"
import { RRuleTemporal } from "rrule-temporal"

const { rrulestr } = rruleModule as unknown as {
  rrulestr: (text: string) => { after: (after: Date, inclusive?: boolean) => Date | null }
}

const day = 86_400_000

/** Microseconds of CPU per call: the best of three rounds, each at least 100 ms long. */
const measure = (call: (i: number) => unknown): number => {
  let best = Infinity
  for (let round = 0; round < 3; round++) {
    let calls = 0
    let used = 0
    const cpu = process.cpuUsage()
    for (let batch = 1; used < 100_000; batch *= 2) {
      for (let i = 0; i < batch; i++) call(calls + i)
      calls += batch
      const { system, user } = process.cpuUsage(cpu)
      used = user + system
    }
    best = Math.min(best, used / calls)
  }
  return best
}

const show = (micros: number): string =>
  micros < 10
    ? micros.toFixed(2)
    : micros < 1000
    ? micros.toFixed(0)
    : micros.toLocaleString("en", { maximumFractionDigits: 0 })

const now = Date.parse("2026-05-05T12:34:56Z")
const zone = ";TZID=America/New_York:"

/** A rule, and how old it is. */
const rules: ReadonlyArray<readonly [age: string, start: string, rule: string]> = [
  ["a day", "20260504T090000", "FREQ=MINUTELY"],
  ["a year", "20250505T090000", "FREQ=MINUTELY"],
  ["30 years", "19960505T090000", "FREQ=MINUTELY"],
  ["30 years", "19960505T090000", "FREQ=MINUTELY;INTERVAL=7;BYHOUR=9,10,11"],
  ["30 years", "19960505T090000", "FREQ=HOURLY;INTERVAL=5"],
  ["a year", "20250505T090000", "FREQ=DAILY"],
  ["30 years", "19960505T090000", "FREQ=DAILY"],
  ["30 years", "19960505T090000", "FREQ=DAILY;COUNT=20000"],
  ["30 years", "19960505T090000", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE,FR"],
  ["30 years", "19960505T090000", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13"],
  ["30 years", "19960505T090000", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"],
  ["30 years", "19960505T090000", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO"],
  ["30 years", "19960505T090000", "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8"],
  ["30 years", "19960505T090000", "FREQ=SECONDLY;INTERVAL=3599;BYHOUR=9;BYMINUTE=0;BYSECOND=0"]
]

/** Past this a peer is not waited for: one call, and no second. */
const patience = 2_000_000

const once = (call: (i: number) => unknown): number => {
  const cpu = process.cpuUsage()
  call(0)
  const { system, user } = process.cpuUsage(cpu)
  const micros = user + system
  return micros > 20_000 ? micros : measure(call)
}

const attempt = (make: () => (i: number) => unknown): string => {
  try {
    const micros = once(make())
    return `${show(micros)}${micros > patience ? " (once)" : ""}`
  } catch (error) {
    return `throws: ${String(error).slice(0, 40)}`
  }
}

/** Rules that took rrule longer than that: it is not asked again about an older one (30 years of minutes: 84 s). */
const tooSlow = new Set<string>()

console.log("next, µs of CPU per call: effect-scheduler (New York) | rrule (UTC) | rrule-temporal (New York)")
for (const [age, start, rule] of rules) {
  const { next } = Trigger.occurrences(Trigger.rrule(`DTSTART${zone}${start}\nRRULE:${rule}`))
  const at = (i: number): number => now + (i % 1000) * 3_977_000
  const ours = measure((i) => next(at(i), 0))
  const theirs = tooSlow.has(rule) ? "not asked" : attempt(() => {
    const parsed = rrulestr(`DTSTART:${start}Z\nRRULE:${rule}`)
    // rrule remembers the answer to the same question; no question comes twice in a row here
    return (i) => parsed.after(new Date(at(i)))
  })
  if (theirs.endsWith("(once)")) tooSlow.add(rule)
  const temporal = attempt(() => {
    const parsed = new RRuleTemporal({ rruleString: `DTSTART${zone}${start}\nRRULE:${rule}` })
    return (i) => parsed.next(new Date(at(i)))
  })
  console.log(`${rule}, ${age} old: ${show(ours)} | ${theirs} | ${temporal}`)
}

console.log("\nmaking one, µs of CPU, each with another start:")
const makers: ReadonlyArray<readonly [name: string, make: (text: string) => unknown]> = [
  ["effect-scheduler", (text) => Trigger.rrule(text)],
  ["rrule", (text) => rrulestr(text)],
  ["rrule-temporal", (text) => new RRuleTemporal({ rruleString: text })]
]
for (const [name, make] of makers) {
  const text = (i: number): string => {
    const date = new Date(Date.UTC(1996, 4, 5) + (i % 9000) * day + Math.floor(i / 9000) * 1000)
    const stamp = date.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")
    return `DTSTART${zone}${stamp}\nRRULE:FREQ=MONTHLY;BYDAY=2TU;COUNT=100`
  }
  console.log(`${name}: ${show(measure((i) => make(text(i))))}`)
}

console.log("\na rule that can never fire, µs of CPU until that is known (in a process that did the above):")
const hopeless = [
  "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
  "FREQ=DAILY;INTERVAL=7;BYDAY=MO",
  "FREQ=HOURLY;INTERVAL=168;BYDAY=MO",
  "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
  "FREQ=SECONDLY;INTERVAL=60;BYSECOND=1",
  "FREQ=SECONDLY;BYMONTH=4;BYMONTHDAY=31"
]
for (const rule of hopeless) {
  const cpu = process.cpuUsage()
  const outcome = Trigger.parseRrule(`DTSTART:20260505T090000Z\nRRULE:${rule}`)
  const { system, user } = process.cpuUsage(cpu)
  console.log(`${rule}: ${show(user + system)} (${outcome._tag === "Failure" ? outcome.failure.reason : "not known"})`)
}
