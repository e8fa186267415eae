import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { Change, Service } from "../../../src/JobStore.ts"
import { JobStore } from "../../../src/JobStore.ts"
import * as MemoryJobStore from "../../../src/stores/MemoryJobStore.ts"
import * as JobStoreSuite from "../../../src/testing/JobStoreSuite.ts"

/** A way to break the contract, and a chapter that must notice. */
interface Canary {
  readonly chapter: string
  readonly broken: (store: Service) => Partial<Service>
  /** The random walk cannot see it. */
  readonly hiddenFromWalk?: true
}

/** The change with the revision that its job has now. */
const rebased = (store: Service, change: Change) =>
  Effect.map(store.jobs({ ids: [change.job], limit: 1 }), ([job]) => ({
    ...change,
    revision: job?.revision ?? change.revision
  }))

const canaries: Readonly<Record<string, Canary>> = {
  "settle ignores the fence": {
    chapter: "settle and note",
    broken: (store) => ({
      settle: ({ now, settlements }) =>
        Effect.flatMap(
          Effect.forEach(settlements, (settlement) =>
            Effect.map(store.runs({ ids: [settlement.run], limit: 1 }), ([run]) => ({
              ...settlement,
              fence: run?.fence ?? 0
            }))),
          (settlements) =>
            store.settle({ settlements, now })
        )
    })
  },
  "commit ignores the revision": {
    chapter: "planning",
    broken: (store) => ({
      commit: ({ changes, now }) =>
        Effect.flatMap(
          Effect.forEach(changes, (change) => rebased(store, change)),
          (changes) => store.commit({ changes, now })
        )
    })
  },
  "commit compares the revision in one step and writes in another": {
    chapter: "concurrency",
    hiddenFromWalk: true,
    broken: (store) => ({
      commit: Effect.fnUntraced(function*({ changes, now }) {
        const answers: Array<"ok" | "stale"> = []
        for (const change of changes) {
          const later = yield* rebased(store, change)
          yield* Effect.yieldNow
          const current = later.revision === change.revision ? yield* rebased(store, change) : change
          answers.push(...(yield* store.commit({ changes: [current], now })))
        }
        return answers
      })
    })
  },
  "a stale decision still adds its runs": {
    chapter: "planning",
    broken: (store) => ({
      commit: ({ changes, now }) =>
        Effect.tap(
          store.commit({ changes, now }),
          () => store.enqueue({ runs: changes.flatMap(({ runs }) => runs), now })
        )
    })
  },
  "commit loses the verdicts": {
    chapter: "planning",
    broken: (store) => ({
      commit: ({ changes, now }) =>
        store.commit({ changes: changes.map((change) => ({ ...change, verdicts: [] })), now })
    })
  },
  "an occurrence can be decided twice": {
    chapter: "planning",
    hiddenFromWalk: true,
    broken: (store) => {
      let n = 0
      return {
        commit: ({ changes, now }) =>
          Effect.flatMap(
            Effect.forEach(changes, (change) =>
              Effect.map(
                store.runs({ ids: change.runs.map(({ id }) => id), limit: 10 }),
                (taken) => ({
                  ...change,
                  runs: change.runs.map((run) =>
                    taken.some(({ id }) => id === run.id)
                      ? { ...run, id: `${run.id}#${n++}` }
                      : run
                  )
                })
              )),
            (changes) => store.commit({ changes, now })
          )
      }
    }
  },
  "a job is due too late": {
    chapter: "planning",
    broken: (store) => ({ due: ({ limit, now }) => store.due({ now: now - 1, limit }) })
  },
  "a page of jobs begins with the last one of the page before": {
    chapter: "jobs",
    hiddenFromWalk: true,
    broken: (store) => ({
      jobs: ({ after, ...query }) =>
        Effect.map(
          store.jobs({ ...query, limit: 1000 }),
          (rows) => rows.filter(({ id }) => after === undefined || id >= after).slice(0, query.limit)
        )
    })
  },
  "a prefix is a pattern": {
    chapter: "jobs",
    hiddenFromWalk: true,
    broken: (store) => ({
      jobs: ({ prefix, ...query }) =>
        Effect.map(store.jobs({ ...query, limit: 1000 }), (rows) => {
          const pattern = new RegExp(`^${(prefix ?? "").replaceAll("%", ".*").replaceAll("_", ".")}`)
          return rows.filter(({ id }) => pattern.test(id)).slice(0, query.limit)
        })
    })
  },
  "enqueue calls a duplicate added": {
    chapter: "lost replies",
    broken: (store) => ({
      enqueue: (request) => Effect.map(store.enqueue(request), (answers) => answers.map(() => "added" as const))
    })
  },
  "enqueue admits whatever comes": {
    chapter: "serial",
    broken: (store) => ({
      enqueue: ({ now, runs }) => store.enqueue({ runs: runs.map((run) => ({ ...run, serial: null })), now })
    })
  },
  "claim serves lanes that nobody asked for": {
    chapter: "enqueue and claim",
    broken: (store) => ({
      claim: (request) => store.claim({ ...request, lanes: ["x/A", "x/B", "x/C", "default/Task"] })
    })
  },
  "claim takes what is newer than asked for": {
    chapter: "enqueue and claim",
    broken: (store) => ({ claim: (request) => store.claim({ ...request, upTo: undefined }) })
  },
  "claim leaves what is of the very version that is asked for": {
    chapter: "enqueue and claim",
    broken: (store) => ({
      claim: ({ upTo, ...request }) =>
        store.claim(
          upTo === undefined
            ? request
            : { ...request, upTo: new Map(Array.from(upTo, ([lane, version]) => [lane, version - 1])) }
        )
    })
  },
  "claim forgets the order": {
    chapter: "enqueue and claim",
    broken: (store) => ({
      claim: (request) => Effect.map(store.claim(request), ({ next, runs }) => ({ next, runs: runs.toReversed() }))
    })
  },
  "boost does nothing": {
    chapter: "enqueue and claim",
    broken: (store) => ({
      enqueue: ({ now, runs }) => store.enqueue({ runs: runs.map((run) => ({ ...run, boost: 0 })), now })
    })
  },
  "cancel ends no run that waits its turn": {
    chapter: "cancel",
    broken: (store) => ({
      cancel: (request) =>
        Effect.flatMap(store.runs({ going: true, limit: 1000 }), (going) => {
          const runs = going.filter(({ id, job, state }) =>
            state !== "blocked" && (request.runs?.includes(id) ?? job === request.job)
          )
          return store.cancel({ ...request, runs: runs.map(({ id }) => id) })
        })
    })
  },
  "reap does not look at the lease": {
    chapter: "leases",
    broken: (store) => ({ reap: (request) => store.reap({ ...request, now: request.now + 1e9 }) })
  },
  "reap lets run twice what must not": {
    chapter: "leases",
    broken: (store) => ({
      enqueue: ({ now, runs }) => store.enqueue({ runs: runs.map((run) => ({ ...run, atMostOnce: false })), now })
    })
  },
  "leave hands nothing back": {
    chapter: "leases",
    broken: () => ({ leave: () => Effect.void })
  },
  "a page of runs forgets those that finished at the same instant": {
    chapter: "history",
    broken: (store) => ({
      runs: (query) => store.runs(query.after === undefined ? query : { ...query, after: { ...query.after, id: "" } })
    })
  },
  "sweep ignores the expiry": {
    chapter: "sweep",
    broken: (store) => ({ sweep: (request) => store.sweep({ ...request, now: 1e15 }) })
  },
  "nobody is told of anything": {
    chapter: "signals",
    hiddenFromWalk: true,
    broken: () => ({ signals: Stream.never })
  },
  "the stream of signals ends": {
    chapter: "signals",
    hiddenFromWalk: true,
    broken: () => ({ signals: Stream.empty })
  }
}

const fails = (run: Effect.Effect<void, unknown>) =>
  Effect.map(Effect.exit(Effect.timeout(run, "300 millis")), Exit.isFailure)

describe("JobStoreSuite", () => {
  for (const [name, { broken, chapter, hiddenFromWalk }] of Object.entries(canaries)) {
    const make = Effect.map(MemoryJobStore.make(), (store): Service => ({ ...store, ...broken(store) }))

    it.live(`chapter "${chapter}" notices that ${name}`, () =>
      Effect.gen(function*() {
        const cases = JobStoreSuite.cases.filter((c) => c.chapter === chapter)
        const noticed = yield* Effect.filter(
          cases,
          ({ run }) => fails(Effect.provideServiceEffect(run, JobStore, make)),
          { concurrency: 4 }
        )
        assert.isAbove(noticed.length, 0)
      }))

    if (hiddenFromWalk) continue
    it.effect(`the random walk notices that ${name}`, () =>
      Effect.gen(function*() {
        let noticed = false
        for (let seed = 1; seed <= 3 && !noticed; seed++) {
          const stores = [yield* MemoryJobStore.make(), yield* make] as const
          noticed = Exit.isFailure(yield* Effect.exit(JobStoreSuite.walk(stores, { seed, steps: 300 })))
        }
        assert.isTrue(noticed)
      }))
  }
})
