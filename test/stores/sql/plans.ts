/** What is asked of every SQL store among many rows, to see that no verb reads a whole table. */
import { JobStoreSuite as Suite } from "effect-scheduler/testing"
import * as Effect from "effect/Effect"
import type { Service } from "../../../src/JobStore.ts"

const { at, job, occurrence, run } = Suite

type Ask = (store: Service) => Effect.Effect<unknown, unknown>

/** What has to do with limits, unique keys and rates. */
export const limited: Readonly<Record<string, Ask>> = {
  "enqueue limited": (store) =>
    store.enqueue({
      now: at(0),
      runs: [
        run("limited", { limits: [{ key: "a", max: 1 }, { key: "t", max: 2 }] }),
        run("x", { limits: [{ key: "b", max: 1 }] })
      ]
    }),
  "enqueue instead": (store) =>
    store.enqueue({ now: at(0), replace: true, runs: [run("instead", { uniqueKey: "k2" })] }),
  "a limited run ends": (store) =>
    Effect.gen(function*() {
      const runs = ["l1", "l2", "l3"].map((id) =>
        run(id, { lane: "x/L", limits: [{ key: "c", max: 1 }, { key: "t", max: 9 }] })
      )
      yield* store.enqueue({ now: at(0), runs })
      const claimed = yield* store.claim({ node: "n1", lanes: ["x/L"], limit: 9, now: at(1) })
      yield* store.settle({ now: at(2), settlements: claimed.runs.map((row) => Suite.done(row, at(2))) })
      yield* store.revive({ runs: ["l1"], now: at(3) })
    }),
  take: (store) => store.take({ now: at(0), wants: [{ key: "a", interval: 10, burst: 2, n: 1 }] }),
  "runs by unique key": (store) => store.runs({ uniqueKey: "k2", limit: 1 })
}

const lanes = ["default/T0", "default/T1", "default/T3"]
const request = { reason: "r", by: "b" }
const jobs = [7, 8, 9].map((n) => job(`j${n}`))

const veryMany = Array.from({ length: 5000 }, (_, n) => n)
const many = Array.from({ length: 500 }, (_, n) => n)

/** As many as a busy scheduler has at once. */
const batches: Readonly<Record<string, Ask>> = {
  "insert many jobs": (store) => store.insertJobs(many.map((n) => job(`many${n}`))),
  "enqueue many": (store) =>
    store.enqueue({ now: at(0), runs: many.map((n) => run(`many${n}`, { uniqueKey: `m${n}` })) }),
  "commit many": (store) =>
    store.commit({
      now: at(3000),
      changes: many.map((n) => job(`j${n}`)).map((row) =>
        Suite.advance(row, at(3000), { runs: [occurrence(row, at(3000), { serial: 1 })] })
      )
    }),
  "settle many": (store) =>
    store.settle({ now: at(9000), settlements: many.map((n) => Suite.done({ id: `r${n}`, fence: 1 }, at(9000))) }),
  "settle many that nobody waits for": (store) =>
    store.settle({
      now: at(9000),
      settlements: many.map((n) => ({ ...Suite.done({ id: `r${n}`, fence: 1 }, at(9000)), isAlone: true }))
    }),
  "settle very many that nobody waits for": (store) =>
    store.settle({
      now: at(9000),
      settlements: veryMany.map((n) => ({ ...Suite.done({ id: `r${n}`, fence: 1 }, at(9000)), isAlone: true }))
    }),
  "many runs by id": (store) => store.runs({ ids: many.map((n) => `r${n}`), limit: 500 }),
  "cancel many jobs'": (store) => store.cancel({ jobs: many.map((n) => `j${n + 10_000}`), request, now: at(9000) }),
  "cancel many": (store) => store.cancel({ runs: many.map((n) => `r${n + 60_000}`), request, now: at(9000) })
}

/** Every verb, on the rows of a table that is full. */
export const verbs: Readonly<Record<string, Ask>> = {
  insertJobs: (store) => store.insertJobs([...jobs, job("new")]),
  jobs: (store) => store.jobs({ prefix: "j1", after: "j12", limit: 20 }),
  "jobs by id": (store) => store.jobs({ ids: ["j1", "j2"], limit: 2 }),
  due: (store) => store.due({ now: at(500), limit: 100 }),
  commit: (store) =>
    store.commit({
      now: at(3000),
      changes: [
        Suite.advance(jobs[0]!, at(3000), {
          runs: [occurrence(jobs[0]!, at(3000), { serial: 1, uniqueKey: "k" })],
          verdicts: [
            Suite.verdict(jobs[0]!, at(900), at(950)),
            Suite.verdict(jobs[0]!, at(950), at(960), { kind: "missed" })
          ]
        }),
        Suite.replace(jobs[1]!, { payload: "1" }, { cancel: request }),
        Suite.remove(jobs[2]!)
      ]
    }),
  enqueue: (store) => store.enqueue({ now: at(0), runs: [run("new", { uniqueKey: "k2" }), run("r5")] }),
  "enqueue one": (store) => store.enqueue({ now: at(0), runs: [run("one", { uniqueKey: "k3" })] }),
  "enqueue one for a node": (store) =>
    store.enqueue({ now: at(0), node: "n1", runs: [run("arrives", { lane: "x/idle", uniqueKey: "k4" })] }),
  claim: (store) => store.claim({ node: "n1", lanes, limit: 20, now: at(900) }),
  "claim from one lane": (store) => store.claim({ node: "n1", lanes: ["default/T1"], limit: 20, now: at(900) }),
  "claim what is not newer": (store) =>
    store.claim({ node: "n1", lanes, upTo: new Map([["default/T0", 1]]), limit: 20, now: at(900) }),
  "claim what is not newer from one lane": (store) =>
    store.claim({ node: "n1", lanes: ["default/T3"], upTo: new Map([["default/T3", 1]]), limit: 20, now: at(900) }),
  "claim nothing, where all is newer": (store) =>
    store.claim({ node: "n1", lanes, upTo: new Map(lanes.map((lane) => [lane, 0])), limit: 20, now: at(900) }),
  "claim nothing": (store) => store.claim({ node: "n1", lanes, limit: 0, now: at(950) }),
  settle: (store) =>
    store.settle({
      now: at(9000),
      settlements: [1000, 2000].map((n) => Suite.done({ id: `r${n}`, fence: 1 }, at(9000), {}, [run(`follow${n}`)]))
    }),
  "settle what nobody waits for": (store) =>
    store.settle({
      now: at(9000),
      settlements: [3000, 4000].map((n) => ({ ...Suite.done({ id: `r${n}`, fence: 1 }, at(9000)), isAlone: true }))
    }),
  note: (store) => store.note({ run: "r5000", fence: 1, progress: "1" }),
  "cancel a job's": (store) => store.cancel({ job: "j3000", request, now: at(9000) }),
  "cancel by id": (store) => store.cancel({ runs: ["r22", "r23"], request, now: at(9000) }),
  "runs of a job": (store) => store.runs({ job: "j50", limit: 10 }),
  "runs by id": (store) => store.runs({ ids: ["r1", "r2"], limit: 10 }),
  "runs, done": (store) => store.runs({ going: false, limit: 10 }),
  "runs, the next page": (store) => store.runs({ after: { finished: at(9000), id: "r0" }, limit: 10 }),
  ...limited,
  ...batches,
  verdicts: (store) => store.verdicts({ job: "j50", incarnation: "i1", at: at(10), limit: 1 }),
  beat: (store) => store.beat({ id: "n1", host: "here", pid: 1, expiresAt: at(1) }),
  "sweep beyond": (store) => store.sweep({ now: at(0), before: at(0), keep: [{ task: "Task", count: 1 }], limit: 10 }),
  sweep: (store) => store.sweep({ now: at(1500), before: at(940), limit: 10 }),
  reap: (store) => store.reap({ now: at(9002), includeExpired: true, limit: 10 }),
  leave: (store) => store.leave({ node: "n1", now: at(9000) })
}
