import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Stream } from "effect"
import { JobStore, MemoryJobStore, Scheduler, SchedulerError, Snapshot, Trigger } from "effect-scheduler"
import { SqliteJobStore } from "effect-scheduler/sqlite"
import { TestClock } from "effect/testing"
import { start, turns, withVerbs, Work, world } from "../support/world.ts"

const every10 = Trigger.interval("10 seconds")
const a = { id: "a", payload: { name: "a" }, trigger: every10 }
const collect = <E>(lines: Stream.Stream<string, E>) => Stream.runCollect(lines)

/** Two schedulers, each on a memory store of its own. */
const pair = Effect.gen(function*() {
  const [w1, w2] = [world(), world()]
  const [from, to] = [yield* MemoryJobStore.make(), yield* MemoryJobStore.make()]
  const [one, two] = [yield* start(from, w1), yield* start(to, w2)]
  yield* Effect.addFinalizer(() => Effect.andThen(one.close, two.close))
  return { w1, w2, from, to, one: one.scheduler, two: two.scheduler }
})

/** The rows of a store without what belongs to it. */
const rowsOf = (store: JobStore.Service) =>
  Effect.map(store.jobs({ limit: 1_000 }), (rows) => rows.map((row) => ({ ...row, revision: 0 })))

describe("an export", () => {
  it.effect("is a header and a line for each job that matches", () =>
    Effect.gen(function*() {
      const { one } = yield* pair
      yield* one.scheduleAll(Work, [a, { ...a, id: "b", tags: ["x"] }, { ...a, id: "c", tags: ["x", "y"] }])
      const lines = yield* collect(one.exportJobs({ tags: ["x"] }))
      assert.strictEqual(lines[0], Snapshot.header)
      assert.deepStrictEqual(lines.slice(1).map((line) => JSON.parse(line).id), ["b", "c"])
      const line = JSON.parse(lines[1]!)
      assert.deepStrictEqual([line.payload, line.tags, line.state, line.anchor], [
        { name: "a" },
        ["x"],
        "active",
        "1970-01-01T00:00:00.000Z"
      ])
      assert.strictEqual((yield* collect(one.exportJobs())).length, 4)
    }))

  it.effect("reads page by page, as it is pulled", () =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      let pages = 0
      const counted = withVerbs(store, ({ jobs }) => ({
        jobs: (query) => Effect.tap(jobs(query), () => Effect.sync(() => pages++))
      }))
      const { close, scheduler } = yield* start(counted, world())
      yield* scheduler.scheduleAll(Work, Array.from({ length: 1_200 }, (_, i) => ({ ...a, id: `${10_000 + i}` })))
      pages = 0
      assert.strictEqual((yield* collect(Stream.take(scheduler.exportJobs(), 300))).length, 300)
      assert.strictEqual(pages, 1)
      const all = yield* collect(scheduler.exportJobs())
      assert.strictEqual(all.length, 1_201)
      assert.strictEqual(new Set(all).size, 1_201)
      yield* close
    }))
})

describe("an import", () => {
  it.effect("brings every job as it is: paused, done, in quarantine, with exceptions and texts that are no JSON", () =>
    Effect.gen(function*() {
      const { from, one, to, two } = yield* pair
      yield* one.schedule(Work, { ...a, id: "active", tags: ["x"], metadata: { team: "ops" }, overlap: { allow: 3 } })
      yield* one.schedule(Work, { ...a, id: "paused", catchUp: "all" })
      yield* one.pause("paused", { reason: "inventory", by: "me", until: DateTime.makeUnsafe(500_000) })
      yield* one.schedule(Work, { ...a, id: "done", trigger: Trigger.date(5_000) })
      yield* one.schedule(Work, { ...a, id: "skipping", trigger: Trigger.cron("*/30 * * * * *") })
      yield* one.skipNext("skipping")
      yield* one.schedule(Work, {
        ...a,
        id: "jittered",
        trigger: Trigger.interval("1 minute").pipe(Trigger.jitter("10 seconds"))
      })
      const strange = { ...(yield* from.jobs({ ids: ["active"], limit: 1 }))[0]! }
      yield* from.insertJobs([
        { ...strange, id: "broken", payload: "{ not json", nextDue: 1_000 },
        { ...strange, id: "spaced", payload: `{ "name": "a" }`, metadata: `{"$text":"mine"}` }
      ])
      yield* TestClock.adjust("25 seconds")
      assert.strictEqual((yield* one.get("broken")).state, "quarantined")

      const lines = yield* collect(one.exportJobs())
      assert.deepStrictEqual(yield* two.importJobs(lines), { added: 7, updated: 0, replaced: 0, kept: 0 })
      assert.deepStrictEqual(yield* rowsOf(to), yield* rowsOf(from))
      // What is exported from there is the very same text.
      assert.deepStrictEqual(yield* collect(two.exportJobs()), lines)
      // Again changes nothing.
      assert.deepStrictEqual(yield* two.importJobs(lines), { added: 0, updated: 0, replaced: 0, kept: 7 })
    }))

  it.effect("of a job that is due meanwhile: each occurrence is decided exactly once", () =>
    Effect.gen(function*() {
      const { one, two, w1, w2 } = yield* pair
      yield* one.schedule(Work, { ...a, catchUp: "all", overlap: { queueAll: 100 } })
      yield* TestClock.adjust("25 seconds")
      yield* one.pauseNode
      yield* TestClock.adjust("10 seconds") // 30 s comes due while nobody plans
      const lines = yield* collect(one.exportJobs())
      yield* TestClock.adjust("10 seconds") // and 40 s
      yield* two.importJobs(lines)
      yield* one.removeAll({}, { running: "leave" })
      yield* one.resumeNode
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(w1.log, ["a 1 @10000", "a 1 @20000"])
      assert.deepStrictEqual(w2.log, ["a 1 @45000", "a 1 @45000", "a 1 @50000", "a 1 @60000"])
      const runs = [...(yield* one.runs({ job: "a" })), ...(yield* two.runs({ job: "a" }))]
      const fired = runs.map((run) => run.nominal!.epochMilliseconds).sort((x, y) => x - y)
      assert.deepStrictEqual(fired, [10_000, 20_000, 30_000, 40_000, 50_000, 60_000])
    }))

  it.effect("into a store that has the id already: fail, keep, update, replace", () =>
    Effect.gen(function*() {
      const { one, two, w2 } = yield* pair
      yield* two.schedule(Work, { ...a, payload: { name: "old" } })
      const before = yield* two.get("a")
      yield* TestClock.adjust("25 seconds")
      yield* one.schedule(Work, { ...a, payload: { name: "new" }, trigger: Trigger.interval("1 minute") })
      yield* one.pause("a", { reason: "not yet" })
      const lines = yield* collect(one.exportJobs())

      const error = yield* Effect.flip(two.importJobs(lines))
      assert.strictEqual(error._tag, "JobConflict")
      assert.strictEqual((yield* two.importJobs(lines, { conflict: "keep" })).kept, 1)
      assert.deepStrictEqual((yield* two.get("a")).payload, { name: "old" })

      assert.strictEqual((yield* two.importJobs(lines, { conflict: "update" })).updated, 1)
      const updated = yield* two.get("a")
      assert.deepStrictEqual(
        [updated.payload, updated.state, updated.incarnation, updated.anchor.epochMilliseconds],
        [{ name: "new" }, "active", before.incarnation, 25_000]
      )

      assert.strictEqual((yield* two.importJobs(lines, { conflict: "replace" })).replaced, 1)
      const replaced = yield* two.get("a")
      assert.deepStrictEqual(
        [replaced.state, replaced.pause?.reason, replaced.incarnation],
        ["paused", "not yet", (yield* one.get("a")).incarnation]
      )
      assert.deepStrictEqual(w2.log, ["old 1 @10000", "old 1 @20000"])
    }))

  it.effect("of an older state of the same job does not decide again what is decided", () =>
    Effect.gen(function*() {
      const { one, w1 } = yield* pair
      yield* one.schedule(Work, { ...a, catchUp: "all" })
      yield* TestClock.adjust("10 seconds")
      const lines = yield* collect(one.exportJobs())
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* one.importJobs(lines, { conflict: "replace" })).replaced, 1)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(w1.log, ["a 1 @10000", "a 1 @20000", "a 1 @30000", "a 1 @40000"])
    }))

  it.effect("of lines that somebody has edited finds the next occurrence itself", () =>
    Effect.gen(function*() {
      const { one, two, w2 } = yield* pair
      yield* one.schedule(Work, a)
      const [header, line] = yield* collect(one.exportJobs())
      const edited = line!.replaceAll("10000", "20000")
      assert.notStrictEqual(edited, line)
      yield* two.importJobs([
        "",
        header!,
        "  ",
        edited.replace(/"next":\{[^}]*\}/, `"next":{"nominal":null,"due":null}`)
      ])
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(w2.log, ["a 1 @20000"])
    }))
})

describe("bad input", () => {
  const line = (fields: object) =>
    Effect.gen(function*() {
      const store = yield* MemoryJobStore.make()
      const { close, scheduler } = yield* start(store, world())
      yield* scheduler.schedule(Work, a)
      const [, line] = yield* collect(scheduler.exportJobs())
      yield* close
      return JSON.stringify({ ...JSON.parse(line!), ...fields })
    })
  const refuses = (
    name: string,
    lines: Effect.Effect<ReadonlyArray<string>, unknown>,
    expected: readonly [line: number, field: string, value: string],
    options?: { readonly conflict: "update" }
  ) =>
    it.effect(name, () =>
      Effect.gen(function*() {
        const store = yield* MemoryJobStore.make()
        const { close, scheduler } = yield* start(store, world())
        yield* scheduler.schedule(Work, { ...a, id: "there" })
        const error = yield* Effect.flip(scheduler.importJobs(yield* lines, options))
        assert.instanceOf(error, SchedulerError.SnapshotError)
        assert.deepStrictEqual([error.line, error.field], expected.slice(0, 2))
        assert.include(error.value, expected[2])
        assert.match(error.expected, /^(?!Expected|Missing)./)
        const ids = (yield* scheduler.list()).map(({ id }) => id)
        assert.deepStrictEqual(ids.filter((id) => id !== "there" && id !== "fine"), [])
        yield* close
      }))
  const after = (fields: object) =>
    Effect.map(
      Effect.all([line({ id: "fine" }), line(fields)]),
      ([fine, bad]) => [Snapshot.header, fine, "", bad]
    )

  refuses("nothing at all", Effect.succeed([]), [1, "", "nothing"])
  refuses("no header", Effect.map(line({}), (job) => [job]), [1, "format", "nothing"])
  refuses("another version", Effect.succeed([`{"format":"effect-scheduler/jobs","version":2}`]), [1, "version", "2"])
  refuses("no JSON", Effect.succeed([Snapshot.header, "{"]), [2, "", "{"])
  refuses("a missing field", after({ lane: undefined }), [4, "lane", "nothing"])
  refuses("a field of another type", after({ anchor: 5 }), [4, "anchor", "5"])
  refuses("an instant that is none", after({ cursor: "soon" }), [4, "cursor", "soon"])
  refuses("a field within a field", after({ next: { nominal: null, due: "x" } }), [4, "next.due", "x"])
  refuses("an unknown state", after({ state: "asleep" }), [4, "state", "asleep"])
  refuses("a field that nobody knows", after({ nmae: "x" }), [4, "nmae", "x"])
  refuses("an empty id", after({ id: "" }), [4, "id", `""`])
  refuses("an id of absurd length", after({ id: "x".repeat(256) }), [4, "id", "xxx"])
  refuses("a lane that is not the task's", after({ lane: "default/Other" }), [4, "lane", "default/Other"])
  refuses("half of a character in an id", after({ id: "cut \ud83d" }), [4, "id", "cut"])
  refuses("tags that are none", after({ tags: "x" }), [4, "tags", `"x"`])
  refuses("a tag that is none", after({ tags: [5] }), [4, "tags", "5"])
  refuses("metadata that are none", after({ metadata: ["x"] }), [4, "metadata", "x"])
  refuses("paused without a reason", after({ state: "paused" }), [4, "pause", "null"])
  refuses(
    "a definition that cannot be read, where it would update another",
    after({ id: "there", trigger: { kind: "crom" } }),
    [4, "trigger", "there"],
    { conflict: "update" }
  )

  it.effect("says in plain words what would be right", () =>
    Effect.gen(function*() {
      const { two } = yield* pair
      const said = (lines: ReadonlyArray<string>) =>
        Effect.map(Effect.flip(two.importJobs(lines)), ({ message }) => message)
      const job = yield* line({ id: 5 })
      assert.strictEqual(yield* said([Snapshot.header, job]), "Line 2, id: got 5, expected string")
      assert.strictEqual(yield* said([Snapshot.header, "{}"]), "Line 2, id: got nothing, expected a value")
      assert.strictEqual(
        yield* said([`{"format":"x","version":1}`]),
        `Line 1, format: got "x", expected "effect-scheduler/jobs"`
      )
    }))

  it.effect("is not made by the mark with which some editors begin a file", () =>
    Effect.gen(function*() {
      const { two } = yield* pair
      const { added } = yield* two.importJobs([`\uFEFF${Snapshot.header}`, yield* line({ id: "1" })])
      assert.strictEqual(added, 1)
    }))

  it.effect("lets in what stands before it, and nothing after it", () =>
    Effect.gen(function*() {
      const { two } = yield* pair
      const lines = yield* Effect.all([line({ id: "1" }), line({ id: "2", state: "asleep" }), line({ id: "3" })])
      yield* Effect.flip(two.importJobs([Snapshot.header, ...lines]))
      assert.deepStrictEqual((yield* two.list()).map(({ id }) => id), ["1"])
    }))

  it.effect("an input that fails passes its failure on", () =>
    Effect.gen(function*() {
      const { two } = yield* pair
      const lines = Stream.concat(Stream.make(Snapshot.header), Stream.fail("the disk is gone"))
      assert.strictEqual(yield* Effect.flip(two.importJobs(lines)), "the disk is gone")
    }))
})

it.effect("from one store of a scheduler to another", () =>
  Effect.gen(function*() {
    const scheduler = yield* Scheduler.Scheduler
    const old = yield* scheduler.store("old")
    yield* old.scheduleAll(Work, Array.from({ length: 1_100 }, (_, i) => ({ ...a, id: `${10_000 + i}` })))
    const { added } = yield* scheduler.importJobs(old.exportJobs())
    assert.strictEqual(added, 1_100)
    const [here, there] = yield* Effect.all([scheduler.list(), old.list()])
    assert.deepStrictEqual(here, there.map((job) => ({ ...job, store: "default" })))
    yield* turns
  }).pipe(Effect.provide(
    Scheduler.layer({ paused: true, stores: { old: Layer.fresh(MemoryJobStore.layer) } }).pipe(
      Layer.provide(SqliteJobStore.layerFile(":memory:"))
    )
  )))
