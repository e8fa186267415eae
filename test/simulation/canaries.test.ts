/**
 * A checker that finds nothing is worth nothing: each of these breaks a promise of the store, and some seed must show it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, References } from "effect"
import type { JobStore } from "effect-scheduler"
import { cancelling } from "./actors/cancelling.ts"
import { completing } from "./actors/completing.ts"
import { declaring } from "./actors/declaring.ts"
import { deploying } from "./actors/deploying.ts"
import { hanging } from "./actors/hanging.ts"
import { managing } from "./actors/managing.ts"
import { redriving } from "./actors/redriving.ts"
import { remembering } from "./actors/remembering.ts"
import { repairing } from "./actors/repairing.ts"
import { requesting } from "./actors/requesting.ts"
import { snoozing } from "./actors/snoozing.ts"
import { type Options, simulate } from "./simulation.ts"
import type { Actor } from "./stage.ts"

type Break = (store: JobStore.Service) => Partial<JobStore.Service>

interface Canary extends Pick<Options, "storeTimeout"> {
  readonly broken?: Break
  readonly says: RegExp
  /** Who must take part for it to show. */
  readonly actors?: ReadonlyArray<Actor>
}

const canaries: Readonly<Record<string, Canary>> = {
  "commit ignores the revision": {
    says: /fires twice|verdicts|overlap/,
    broken: (store) => ({
      commit: (request) =>
        Effect.flatMap(
          Effect.forEach(request.changes, (change) =>
            Effect.map(store.jobs({ ids: [change.job], limit: 1 }), ([job]) => ({
              ...change,
              revision: job?.revision ?? change.revision
            }))),
          (changes) =>
            store.commit({ ...request, changes })
        )
    })
  },
  "commit forgets verdicts": {
    says: /has 0 verdicts/,
    broken: (store) => ({
      commit: (request) =>
        store.commit({
          ...request,
          changes: request.changes.map((change) => ({ ...change, verdicts: change.verdicts.slice(1) }))
        })
    })
  },
  "fences do not grow": {
    says: /did not grow/,
    broken: (store) => ({
      claim: (request) =>
        Effect.map(store.claim(request), (answer) => ({
          ...answer,
          runs: answer.runs.map((run) => ({ ...run, fence: 1 }))
        })),
      settle: (request) =>
        Effect.flatMap(
          Effect.forEach(request.settlements, (settlement) =>
            Effect.map(store.runs({ ids: [settlement.run], limit: 1 }), ([run]) => ({
              ...settlement,
              fence: run?.fence ?? settlement.fence
            }))),
          (settlements) =>
            store.settle({ ...request, settlements })
        )
    })
  },
  "settle ignores the fence": {
    says: /is not its claim/,
    broken: (store) => ({
      settle: (request) =>
        Effect.flatMap(
          Effect.forEach(request.settlements, (settlement) =>
            Effect.map(store.runs({ ids: [settlement.run], limit: 1 }), ([run]) => ({
              ...settlement,
              fence: run?.fence ?? settlement.fence
            }))),
          (settlements) =>
            store.settle({ ...request, settlements })
        )
    })
  },
  "runs are admitted whatever else is going": {
    says: /at once/,
    broken: (store) => ({
      commit: (request) =>
        store.commit({
          ...request,
          changes: request.changes.map((change) => ({
            ...change,
            runs: change.runs.map((run) => ({ ...run, serial: null }))
          }))
        })
    })
  },
  "leases mean nothing": {
    says: /which is well/,
    broken: (store) => ({ reap: (request) => store.reap({ ...request, now: request.now + 3_600_000 }) })
  },
  "lost nodes are never found": {
    says: /is running at the end/,
    broken: () => ({ reap: () => Effect.succeed({ released: [], abandoned: [] }) })
  },
  "limits mean nothing": {
    says: /have a place under/,
    actors: [requesting],
    broken: (store) => ({
      enqueue: (request) => store.enqueue({ ...request, runs: request.runs.map((run) => ({ ...run, limits: [] })) })
    })
  },
  "rates grant whatever is asked": {
    says: /sooner than its rate allows/,
    broken: () => ({
      take: ({ now, wants }) => Effect.succeed(wants.map(({ n }) => ({ granted: n, next: now })))
    })
  },
  "what is redriven does not go": {
    actors: [redriving],
    says: /and it does not go/,
    broken: () => ({ revive: ({ runs }) => Effect.succeed(runs.map(() => "going" as const)) })
  },
  "what is redriven takes others with it": {
    actors: [redriving],
    says: /was claimed after its end/,
    broken: (store) => ({
      revive: ({ now, runs }) =>
        Effect.flatMap(store.runs({ outcomes: ["succeeded", "failed"], limit: 3 }), (others) =>
          Effect.map(
            store.revive({ runs: [...runs, ...others.map(({ id }) => id)], now }),
            (answers) => answers.slice(0, runs.length)
          ))
    })
  },
  "what is claimed on arrival is there for others": {
    says: /the fence of .* did not grow/,
    broken: (store) => ({
      enqueue: ({ node, ...request }) =>
        Effect.map(
          store.enqueue(request),
          (answers) => answers.map((answer) => node !== undefined && answer === "added" ? "claimed" : answer)
        )
    })
  },
  "unique keys mean nothing": {
    actors: [requesting],
    says: /has the key/,
    broken: (store) => ({
      enqueue: (request) =>
        store.enqueue({ ...request, runs: request.runs.map((run) => ({ ...run, uniqueKey: null })) })
    })
  },
  "the newest payload is not kept": {
    actors: [requesting],
    says: /a payload that is not its newest/,
    broken: (store) => ({
      enqueue: ({ now, replace, runs }) =>
        Effect.map(
          store.enqueue({ runs, now }),
          (answers) => answers.map((answer) => replace === true && answer === "duplicate" ? "replaced" : answer)
        )
    })
  },
  "nothing waits": {
    actors: [snoozing],
    says: /waits until .*, and is claimed at/,
    broken: (store) => ({
      settle: (request) =>
        store.settle({
          ...request,
          settlements: request.settlements.map((settlement) =>
            settlement.next._tag === "Retry"
              ? { ...settlement, next: { ...settlement.next, readyAt: request.now } }
              : settlement
          )
        })
    })
  },
  "what is cancelled is over before it has ended": {
    actors: [cancelling],
    says: /cancel of .* returned while/,
    broken: (store) => ({
      cancel: (request) =>
        Effect.tap(
          store.cancel(request),
          ({ flagged }) =>
            Effect.flatMap(store.runs({ ids: flagged, limit: 100 }), (rows) =>
              store.settle({
                settlements: rows.map(({ fence, id }) => ({ run: id, fence, next: { _tag: "Release" }, follow: [] })),
                now: request.now
              }))
        )
    })
  },
  "what is completed starts again": {
    actors: [completing],
    says: /started after its writes were committed/,
    broken: (store) => ({
      settle: (request) =>
        store.settle({
          ...request,
          settlements: request.settlements.map((settlement) =>
            settlement.next._tag === "Done" && settlement.next.result === `"completed"`
              ? { ...settlement, next: { _tag: "Release" } }
              : settlement
          )
        })
    })
  },
  "runs are forgotten too soon": {
    actors: [managing],
    says: /is forgotten at/,
    broken: (store) => ({ sweep: (request) => store.sweep({ ...request, now: request.now + 600_000 }) })
  },
  "nobody sees how often a job has failed": {
    actors: [managing],
    says: /has failed too often/,
    broken: (store) => ({
      runs: (query) => query.job !== undefined && query.going === false ? Effect.succeed([]) : store.runs(query)
    })
  },
  "failures count twice": {
    actors: [managing],
    says: /is paused for failures, of which there are only/,
    broken: (store) => ({
      runs: (query) =>
        Effect.map(
          store.runs(query),
          (rows) => query.job !== undefined && query.going === false ? rows.flatMap((row) => [row, row]) : rows
        )
    })
  },
  "nobody sees who has declared a job": {
    says: /was declared by version/,
    actors: [declaring],
    broken: (store) => ({
      jobs: (query) => Effect.map(store.jobs(query), (rows) => rows.map((row) => ({ ...row, tags: "[]" })))
    })
  },
  "nobody knows which version a payload is of": {
    says: /could not be read/,
    actors: [deploying],
    broken: (store) => ({
      enqueue: (request) => store.enqueue({ ...request, runs: request.runs.map((run) => ({ ...run, taskVersion: 2 })) })
    })
  },
  "who knows only an older version is given what is newer": {
    says: /does not know the version of/,
    actors: [deploying],
    broken: (store) => ({ claim: (request) => store.claim({ ...request, upTo: undefined }) })
  },
  "fewer runs are remembered than a task says": {
    actors: [remembering],
    says: /is one of the 4 newest/,
    broken: (store) => ({
      sweep: ({ keep = [], ...request }) =>
        store.sweep({ ...request, keep: keep.map(({ count, task }) => ({ task, count: count - 1 })) })
    })
  },
  "more runs are remembered than a task says": {
    actors: [remembering],
    says: /runs are remembered at .* of a task that remembers 4/,
    broken: (store) => ({ sweep: (request) => store.sweep({ ...request, keep: [] }) })
  },
  "what can be read is put into quarantine": {
    actors: [repairing],
    says: /is put into quarantine, and can be read/,
    broken: (store) => ({
      due: (request) =>
        Effect.map(store.due(request), ({ jobs, next }) => ({
          next,
          jobs: jobs.map((due) => ({ ...due, job: { ...due.job, payload: "{}" } }))
        }))
    })
  },
  "who is let out of quarantine is where they would be without it": {
    actors: [repairing],
    says: /has 0 verdicts/,
    broken: (store) => ({
      commit: (request) =>
        Effect.flatMap(
          Effect.forEach(request.changes, (change) =>
            Effect.map(store.jobs({ ids: [change.job], limit: 1 }), ([job]) =>
              job?.state === "quarantined" && change.update._tag === "Replace"
                ? { ...change, update: { ...change.update, row: { ...change.update.row, cursor: request.now } } }
                : change)),
          (changes) =>
            store.commit({ ...request, changes })
        )
    })
  },
  "nobody is let out of quarantine": {
    actors: [repairing],
    says: /is quarantined at the end/,
    broken: (store) => ({
      commit: (request) =>
        Effect.flatMap(store.jobs({ state: "quarantined", limit: 100 }), (jobs) => {
          const isIn = ({ job }: JobStore.Change) => jobs.some(({ id }) => id === job)
          return Effect.map(
            store.commit({ ...request, changes: request.changes.filter((change) => !isIn(change)) }),
            (answers) => {
              const others = [...answers]
              return request.changes.map((change) => isIn(change) ? "ok" : others.shift()!)
            }
          )
        })
    })
  },
  "nobody gives up what is never answered": {
    actors: [hanging],
    says: /never returned|free slots|at the end/,
    storeTimeout: Infinity
  },
  "atMostOnce is forgotten": {
    says: /atMostOnce/,
    broken: (store) => ({
      enqueue: (request) =>
        store.enqueue({ ...request, runs: request.runs.map((run) => ({ ...run, atMostOnce: false })) }),
      commit: (request) =>
        store.commit({
          ...request,
          changes: request.changes.map((change) => ({
            ...change,
            runs: change.runs.map((run) => ({ ...run, atMostOnce: false }))
          }))
        })
    })
  }
}

/** So many seeds may pass before one must show it. */
const patience = 20

describe("canaries", () => {
  for (const [name, { actors = [], broken = () => ({}), says, storeTimeout }] of Object.entries(canaries)) {
    it.effect(name, () =>
      Effect.gen(function*() {
        for (let n = 1; n <= patience; n++) {
          const { violations } = yield* simulate({
            seed: `canary ${n}`,
            minutes: 30,
            actors,
            storeTimeout,
            broken: (store) => ({ ...store, ...broken(store) })
          })
          if (violations.some((violation) => says.test(violation))) return
        }
        assert.fail("nobody noticed")
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None")), 60_000)
  }
})
