/**
 * Processes at work on one store, ended, halted and replaced at random while they are.
 */
import { Clock, Effect, Layer, Schedule, type Scope } from "effect"
import { FiberExecutor, JobStore, Scheduler } from "effect-scheduler"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Random, random } from "../simulation/random.ts"
import { type Entry, read } from "./journal.ts"
import type { Orders } from "./node.ts"
import { layerOf, type Place } from "./stores.ts"
import { violations } from "./verdict.ts"
import { type Amount, jobs, Once, Retried } from "./work.ts"

export interface Options {
  readonly place: Place
  readonly seed: string
  readonly seconds: number
  readonly processes: number
  /** By how many milliseconds their clocks may be wrong; for stores that have one of their own. */
  readonly skew: number
  readonly amount: Amount & { readonly adHoc: number }
  /** Something else that happens meanwhile. */
  readonly meanwhile?: Effect.Effect<void>
}

const program = fileURLToPath(new URL("./node.ts", import.meta.url))

/** Short ones, so that a process that was halted has lost its claims when it goes on. */
const times = { lease: "4 seconds", beat: "1 second", grace: "2 seconds" } as const

const now = Clock.currentTimeMillis

type Child = ChildProcess & { readonly journal: string }

/** A process of ours, that ends with the scope. */
const started = (orders: Orders) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      Object.assign(
        spawn(
          process.execPath,
          ["--conditions=source", "--disable-warning=ExperimentalWarning", program, JSON.stringify(orders)],
          { stdio: ["ignore", "ignore", "inherit"] }
        ),
        { journal: orders.journal }
      )
    ),
    ended("SIGKILL")
  )

const ended = (signal: NodeJS.Signals) => (child: ChildProcess) =>
  Effect.promise(async () => {
    if (isGone(child)) return
    const gone = once(child, "exit")
    child.kill(signal)
    // one that is halted, maybe in the middle of a transaction, would hear of it only when it goes on
    child.kill("SIGCONT")
    await gone
  })

const isGone = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null

/** Whether it has begun to work, which it writes down first. */
const isUp = ({ journal }: Child) => (statSync(journal, { throwIfNoEntry: false })?.size ?? 0) > 0

/** One that ended by itself, as one does that finds no store when it starts, is started again. */
const revive = Effect.fnUntraced(function*(
  children: Array<Child>,
  start: Effect.Effect<Child, never, Scope.Scope>
) {
  for (const [at, child] of children.entries()) if (isGone(child)) children[at] = yield* start
})

/** Every so often something happens to one of them, until the end. */
const chaos = Effect.fnUntraced(function*(
  choices: Random,
  children: Array<Child>,
  start: Effect.Effect<Child, never, Scope.Scope>,
  until: number,
  happened: Record<string, number>
) {
  const count = (what: string) => (happened[what] = (happened[what] ?? 0) + 1)
  while ((yield* now) < until) {
    yield* Effect.sleep(choices.int(200, 1_500))
    yield* revive(children, start)
    const at = choices.int(0, children.length - 1)
    const child = children[at]!
    // it takes them longer to start than to be ended
    if (!isUp(child) && choices.chance(0.8)) continue
    const dice = choices.int(0, 99)
    if (dice < 70) {
      const signal = dice < 50 ? "SIGKILL" : "SIGTERM"
      count(signal)
      // at once: when the chaos ends before it has begun, the child would stay, and halted if it is, with the locks that it has
      yield* Effect.forkChild(ended(signal)(child), { startImmediately: true })
      children[at] = yield* start
    } else if (dice < 90) {
      count("SIGSTOP")
      child.kill("SIGSTOP")
      yield* Effect.forkChild(Effect.delay(
        Effect.sync(() => child.kill("SIGCONT")),
        choices.pick([300, 2_000, 6_000])
      ))
    }
  }
  // one that is halted in the middle of a transaction would keep those from their end who wait for it here
  for (const child of children) child.kill("SIGCONT")
})

/** Asks until it is so, or says what is in the way. */
const eventually = (
  what: string,
  isSo: Effect.Effect<boolean, unknown>,
  hindrance: Effect.Effect<string, unknown> = Effect.succeed("")
) =>
  Effect.delay(isSo, "100 millis").pipe(
    Effect.repeat({ until: (so) => so }),
    Effect.timeoutOrElse({
      duration: "60 seconds",
      orElse: () => Effect.flatMap(hindrance, (seen) => Effect.die(new Error(`not ${what} after a minute: ${seen}`)))
    })
  )

/** A store's pages, one after the other. */
const allRuns = Effect.fnUntraced(function*(store: JobStore.Service) {
  const rows: Array<JobStore.RunRow> = []
  for (;;) {
    const page = yield* store.runs({ limit: 2_000, ...rows.length > 0 ? { after: rows[rows.length - 1]! } : {} })
    rows.push(...page)
    if (page.length < 2_000) return rows
  }
})

export interface Report {
  readonly violations: ReadonlyArray<string>
  readonly happened: Readonly<Record<string, number>>
  readonly counts: { readonly [what: string]: number }
  readonly journal: ReadonlyArray<Entry>
}

export const rush = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Report, unknown, Scope.Scope> {
  const { amount, place, seconds, seed } = options
  const choices = random(seed)
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-scheduler-processes-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  )
  const context = yield* Layer.build(
    // it only schedules: what is planned is planned by processes that may die over it
    Scheduler.layer({ tasks: [], paused: true }).pipe(
      Layer.provide(FiberExecutor.layer()),
      Layer.provideMerge(layerOf(place))
    )
  )
  const { scheduler, store } = yield* Effect.all({ scheduler: Scheduler.Scheduler, store: JobStore.JobStore }).pipe(
    Effect.provideContext(context)
  )

  const quiet = join(directory, "quiet")
  const happened: Record<string, number> = {}
  const children: Array<Child> = []
  const clocks = choices.fork("clocks")
  let count = 0
  const start = Effect.suspend(() => {
    const name = `p${++count}`
    const ahead = clocks.pick([-options.skew, 0, options.skew])
    return started({ name, place, seed, times, ahead, quiet, journal: join(directory, `${name}.journal`) })
  })
  for (let n = 0; n < options.processes; n++) children.push(yield* start)
  yield* eventually("up", Effect.sync(() => children.every(isUp)))

  const from = yield* now
  const until = from + seconds * 1000
  const planned = jobs(choices.fork("jobs"), amount, from, until)
  for (const task of [Once, Retried]) {
    const mine = planned.filter((job) => job.task === task)
    for (let at = 0; at < mine.length; at += 500) {
      yield* scheduler.scheduleAll(
        task,
        mine.slice(at, at + 500).map(({ id, policy, trigger }) => ({ id, trigger, payload: { name: id }, ...policy }))
      )
    }
  }
  /** Spread over the time, by somebody who asks again where he had no answer. */
  const asking = Effect.gen(function*() {
    const mood = choices.fork("asking")
    const asked: Array<string> = []
    for (let n = 0; n < amount.adHoc; n++) {
      const id = `ad-hoc/${n}`
      const delivery = mood.pick(["atLeastOnce", "atMostOnce"] as const)
      const ask = scheduler.enqueue(mood.pick([Once, Retried]), { id, delivery, payload: { name: id } })
      asked.push(yield* Effect.retry(ask, Schedule.spaced("200 millis")))
      const left = until - (yield* now)
      if (left > 0) yield* Effect.sleep(left / (amount.adHoc - n))
    }
    return asked
  })
  /** Jobs are paused and resumed meanwhile: the stretch between is decided against. */
  const pausing = Effect.gen(function*() {
    const mood = choices.fork("pausing")
    const recurring = planned.slice(0, amount.recurring)
    while ((yield* now) < until) {
      const { id } = mood.pick(recurring)
      const verb = mood.chance(0.5) ? scheduler.pause(id) : scheduler.resume(id, { catchUp: mood.chance(0.5) })
      yield* Effect.retry(verb, Schedule.spaced("200 millis"))
      yield* Effect.sleep(mood.int(50, 500))
    }
  })
  const [asked] = yield* Effect.all([
    asking,
    pausing,
    chaos(choices.fork("chaos"), children, start, until, happened),
    options.meanwhile ?? Effect.void
  ], { concurrency: "unbounded" })

  // All becomes quiet. Those who live plan what is due and carry out what is left.
  writeFileSync(quiet, "")
  yield* revive(children, start)
  const overdue = Effect.flatMap(now, (at) => Effect.map(store.due({ now: at - 2_000, limit: 20 }), ({ jobs }) => jobs))
  yield* eventually(
    "planned",
    Effect.map(overdue, (jobs) => jobs.length === 0),
    Effect.gen(function*() {
      const at = yield* now
      const due = (yield* overdue).map(({ going, job }) => `${job.id} (${at - job.nextDue!} ms ago, ${going} going)`)
      const living = children.map((child) => `${basename(child.journal)} ${isGone(child) ? "gone" : "there"}`)
      return `${due.join(", ")}; ${living.join(", ")}; of them ${
        JSON.stringify(read(directory).filter((entry) => entry._tag === "told").slice(-12))
      }`
    })
  )
  for (const { id } of planned.slice(0, amount.recurring)) yield* scheduler.pause(id)
  yield* eventually("idle", Effect.map(store.runs({ going: true, limit: 1 }), (rows) => rows.length === 0))
  yield* Effect.forEach(children, ended("SIGTERM"), { concurrency: "unbounded", discard: true })

  const rows = yield* store.jobs({ limit: 1_000_000 })
  const verdicts = yield* Effect.forEach(rows, ({ id }) => store.verdicts({ job: id, limit: 1_000_000 }), {
    concurrency: 4
  })
  const journal = read(directory)
  const remains = {
    planned,
    asked: [...asked, ...journal.flatMap((entry) => entry._tag === "asked" ? [entry.run] : [])],
    jobs: rows,
    runs: yield* allRuns(store),
    verdicts: verdicts.flat(),
    journal
  }
  const left = yield* store.reap({ now: (yield* now) + 3_600_000, includeExpired: true, limit: 1_000 })
  const behind = [...left.released, ...left.abandoned].map((run) => `${run} was held by nobody at the end`)
  const tally = <A>(all: ReadonlyArray<A>, name: (one: A) => string) =>
    Object.fromEntries(Array.from(Map.groupBy(all, name), ([key, ones]) => [key, ones.length]))
  return {
    violations: [...violations(remains), ...behind],
    happened,
    counts: {
      jobs: rows.length,
      runs: remains.runs.length,
      verdicts: remains.verdicts.length,
      ...tally(remains.runs, ({ outcome }) => `${outcome}`),
      ...tally(remains.journal, (entry) =>
        entry._tag === "settled"
          ? `settled ${entry.answer}`
          : entry._tag === "told"
          ? entry.event
          : entry._tag === "claimed" && entry.onArrival === true
          ? "claimed on arrival"
          : entry._tag)
    },
    journal: remains.journal
  }
})
