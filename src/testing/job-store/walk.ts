/**
 * A long walk of random verbs over one store, or over several in step.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as assert from "node:assert/strict"
import type { Change, JobRow, Limit, NewRun, RunRow, Service, Settlement } from "../../JobStore.ts"
import type { StoreError } from "../../SchedulerError.ts"
import { sameJson } from "./case.ts"
import { check, checkStep, isGoing, type Rows } from "./invariants.ts"
import { Choices } from "./random.ts"
import {
  advance,
  at,
  done,
  exhaust,
  job,
  occurrence,
  release,
  remove,
  renew,
  replace,
  retry,
  run,
  verdict
} from "./rows.ts"

/**
 * How far to walk, and where.
 *
 * @category models
 * @since 0.1.0
 */
export interface WalkOptions {
  /** The same seed takes the same steps. */
  readonly seed: number
  readonly steps: number
}

/** Enough for all there is: where a limit cuts, stores may differ in which rows they take. */
const all = 10_000

const lanes = ["x/A", "x/B"]
const nodes = ["n1", "n2", "n3"]
const jobIds = ["j0", "j1", "j2", "j3", "j4"]
/** How many runs may be admitted, by job. */
const serials = [null, 1, 2, 1, 3]

const serialOf = (id: string): number | null => serials[jobIds.indexOf(id)]!

/** A key of its own, or all of a task's, or both, as policies have it. */
const limitsOf = (choices: Choices): ReadonlyArray<Limit> => {
  const key = { key: choices.pick(["a", "b", "c"]), max: 2 }
  const task = { key: "t", max: 4 }
  return choices.pick([[], [key], [task], [key, task], [key, task]])
}

/** Rows without what a store's driver adds to them, such as prototypes. */
const plain = <A>(value: A): A => JSON.parse(JSON.stringify(value) ?? "null") as A

const byId = <A extends { readonly id: string }>(rows: ReadonlyArray<A>): Array<A> =>
  rows.toSorted((a, b) => a.id < b.id ? -1 : 1)

const read = (store: Service): Effect.Effect<Rows, StoreError> =>
  Effect.gen(function*() {
    const verdicts = []
    for (const job of jobIds) {
      // which decision of several that were made one is named is the store's business
      const rows = yield* store.verdicts({ job, limit: all })
      verdicts.push(...rows.map((row) => ({ ...row, decided: 0, node: "" })))
    }
    verdicts.sort((a, b) =>
      a.job === b.job && a.incarnation === b.incarnation
        ? b.to - a.to
        : `${a.job} ${a.incarnation}` < `${b.job} ${b.incarnation}`
        ? -1
        : 1
    )
    return plain({ jobs: yield* store.jobs({ limit: all }), runs: yield* store.runs({ limit: all }), verdicts })
  })

/**
 * Takes random steps on all stores, and compares their answers and their rows after each; with one store only the invariants are
 * checked. The stores must be empty.
 *
 * @category running
 * @since 0.1.0
 */
export const walk = (
  stores: readonly [Service, ...ReadonlyArray<Service>],
  options: WalkOptions
): Effect.Effect<void, StoreError> =>
  Effect.gen(function*() {
    const choices = new Choices(options.seed)
    const claims: Array<RunRow> = []
    /** A number of milliseconds, in tens: instants often meet, and `until` and `before` are told apart. */
    const some = (milliseconds: number): number => 10 * choices.below(milliseconds / 10)
    let now = at(0)
    let serialNumber = 0
    let rows: Rows = { jobs: [], runs: [], verdicts: [] }

    const ask = <A>(verb: (store: Service) => Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
      Effect.gen(function*() {
        const model = plain(yield* verb(stores[0]))
        for (const store of stores.slice(1)) sameJson(yield* verb(store), model, "the answers differ")
        return model
      })

    const newRun = (fields: Partial<NewRun> = {}): NewRun => {
      const job = choices.percent(70) ? choices.pick(jobIds) : null
      return run(`r${serialNumber++}`, {
        job,
        incarnation: job === null ? null : rows.jobs.find(({ id }) => id === job)?.incarnation ?? "none",
        planned: now - some(200),
        lane: choices.pick(lanes),
        taskVersion: choices.pick([1, 1, 2, 3]),
        readyAt: choices.percent(20) ? now + some(400) - 100 : null,
        boost: choices.pick([0, 0, 0, 150]),
        serial: job === null ? null : serialOf(job),
        atMostOnce: choices.percent(20),
        uniqueKey: choices.percent(25) ? choices.pick(["k1", "k2", "k3"]) : null,
        uniqueWhile: choices.pick(["going", "queued"]),
        limits: choices.percent(40) ? limitsOf(choices) : [],
        retention: choices.pick([300, 500, 1e9]),
        created: now,
        ...fields
      })
    }

    const decide = (row: JobRow): Change => {
      const nominal = Math.max(row.nextNominal ?? now, (row.cursor ?? 0) + 10)
      const move = choices.percent(5) ? exhaust : advance
      if (choices.percent(60)) {
        const fields = {
          serial: serialOf(row.id),
          lane: choices.pick(lanes),
          atMostOnce: choices.percent(20),
          limits: limitsOf(choices)
        }
        const cancel = choices.percent(8) ? { reason: "newer", by: "plan" } : null
        return move(row, nominal, { runs: [occurrence(row, nominal, fields)], cancel })
      }
      const reason = choices.pick(["overlap", "excluded"])
      const note = choices.percent(20) ? `{"by":"me"}` : null
      const count = choices.percent(80) ? 1 : null
      return move(row, nominal, { verdicts: [verdict(row, row.cursor, nominal, { reason, note, count })] })
    }

    const edit = (row: JobRow): Change => {
      switch (choices.below(5)) {
        case 4:
          return renew(row, {
            incarnation: `again${serialNumber++}`,
            cursor: null,
            nextNominal: now,
            nextDue: now + some(500),
            state: "active",
            created: now,
            updated: now
          }, choices.percent(50) ? { cancel: { reason: "replaced", by: "edit" } } : {})
        case 0:
          return replace(row, {
            state: "paused",
            nextDue: choices.percent(30) ? now + some(500) : null,
            pause: "{}",
            updated: now
          })
        case 1:
          return replace(row, { state: "active", nextDue: now + some(500), pause: null, updated: now })
        case 2:
          return replace(row, { payload: `${serialNumber++}`, updated: now })
        default:
          return remove(row, choices.percent(50) ? { cancel: { reason: "removed", by: "edit" } } : {})
      }
    }

    const settlement = (claim: RunRow): Settlement => {
      switch (choices.below(6)) {
        case 0:
          return retry(claim, now + some(400) - 50, { attempt: claim.attempt + 1 })
        case 1:
          return release(claim)
        default:
          return done(
            claim,
            now,
            { outcome: choices.pick(["succeeded", "failed"]) },
            choices.percent(20) ? [newRun()] : []
          )
      }
    }

    /** A verb that can be repeated after a lost reply: sometimes it is, and then nothing may change. */
    const repeatable = <A>(verb: (store: Service) => Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
      Effect.gen(function*() {
        const answer = yield* ask(verb)
        if (choices.percent(15)) {
          const before = yield* read(stores[0])
          yield* ask(verb)
          sameJson(yield* read(stores[0]), before, "repeating the verb changed something")
        }
        return answer
      })

    const commit = (changes: ReadonlyArray<Change>): Effect.Effect<void, StoreError> =>
      Effect.gen(function*() {
        const expected = changes.map(({ incarnation, job, revision }) => {
          const row = rows.jobs.find(({ id }) => id === job)
          return row?.incarnation === incarnation && row.revision === revision ? "ok" : "stale"
        })
        assert.deepEqual(yield* repeatable((store) => store.commit({ changes, now })), expected)
      })

    const steps: Readonly<
      Record<string, { readonly weight: number; readonly take: () => Effect.Effect<void, StoreError> }>
    > = {
      insert: {
        weight: 6,
        take: () =>
          Effect.gen(function*() {
            const added = choices.some(jobIds, 40).map((id) =>
              job(id, { incarnation: `i${serialNumber++}`, nextNominal: now, nextDue: now + some(300) })
            )
            const answers = yield* ask((store) => store.insertJobs(added))
            const taken = new Set(rows.jobs.map(({ id }) => id))
            assert.deepEqual(answers, added.map(({ id }) => taken.has(id) ? "exists" : "inserted"))
          })
      },
      plan: {
        weight: 14,
        take: () =>
          Effect.gen(function*() {
            const due = yield* ask((store) =>
              Effect.map(store.due({ now, limit: all }), ({ jobs, next }) => ({
                next,
                order: jobs.map(({ job }) => job.nextDue),
                jobs: jobs.toSorted((a, b) => a.job.id < b.job.id ? -1 : 1)
              }))
            )
            assert.deepEqual(due.order, due.order.toSorted((a, b) => a! - b!), "the longest due comes first")
            assert.deepEqual(
              due.jobs.map(({ job }) => job),
              byId(rows.jobs.filter(({ nextDue }) => nextDue !== null && nextDue <= now))
            )
            const later = rows.jobs.flatMap(({ nextDue }) => nextDue !== null && nextDue > now ? [nextDue] : [])
            assert.equal(due.next, later.length === 0 ? null : Math.min(...later))
            for (const { going, job, latest } of due.jobs) {
              const runs = rows.runs
                .filter((run) => isGoing(run) && run.job === job.id && run.incarnation === job.incarnation)
                .toSorted((a, b) => a.planned - b.planned || (a.id < b.id ? -1 : 1))
              assert.deepEqual({ going, latest }, { going: runs.length, latest: runs.at(-1)?.id ?? null })
            }
            yield* commit(due.jobs.map(({ job }) => decide(job)))
          })
      },
      edit: {
        weight: 6,
        take: () =>
          rows.jobs.length === 0 ? Effect.void : Effect.suspend(() => {
            const row = choices.pick(rows.jobs)
            switch (choices.below(4)) {
              case 0:
                return commit([decide({ ...row, revision: row.revision - 1 })])
              case 1:
                return commit([decide({ ...row, incarnation: "other" })])
              default:
                return commit([edit(row)])
            }
          })
      },
      enqueue: {
        weight: 12,
        take: () => {
          const runs = Array.from({ length: 1 + choices.below(4) }, () => newRun())
          return repeatable((store) => store.enqueue({ runs, now }))
        }
      },
      arrive: {
        // What others add as ever, they do not answer in the same way.
        weight: stores.every(({ capabilities }) => capabilities.claimsOnArrival === true) ? 8 : 0,
        take: () => {
          const runs = [newRun(choices.percent(80) ? { job: null, incarnation: null, serial: null, limits: [] } : {})]
          const node = choices.pick(nodes)
          return Effect.gen(function*() {
            const [answer] = yield* ask((store) => store.enqueue({ runs, node, now }))
            const { id, job, lane, limits, readyAt, uniqueKey, uniqueWhile } = runs[0]!
            const isBehind = rows.runs.some((run) =>
              run.state === "ready" ? run.lane === lane : run.state === "waiting" && run.readyAt! <= now
            )
            const isPlain = job === null && limits.length === 0 && (uniqueKey === null || uniqueWhile === "going")
            const isFirst = isPlain && (readyAt === null || readyAt <= now) && !isBehind
            if (answer !== "duplicate") assert.equal(answer, isFirst ? "claimed" : "added")
            if (answer === "claimed") claims.push(...plain(yield* stores[0].runs({ ids: [id], limit: 1 })))
          })
        }
      },
      replace: {
        weight: 4,
        take: () => {
          const runs = Array.from({ length: 1 + choices.below(2) }, () => newRun())
          return Effect.asVoid(ask((store) => store.enqueue({ runs, replace: true, now })))
        }
      },
      revive: {
        weight: 2,
        take: () => {
          const runs = choices.some(rows.runs.filter((run) => !isGoing(run)).map(({ id }) => id), 5)
          return Effect.asVoid(ask((store) => store.revive({ runs: [...runs, "nobody"], now })))
        }
      },
      take: {
        weight: 3,
        take: () => {
          const wants = choices.some(["r1", "r2"], 70).map((key) => ({
            key,
            interval: 70 / 3,
            burst: 4,
            n: choices.below(4)
          }))
          return Effect.asVoid(ask((store) => store.take({ wants, now })))
        }
      },
      claim: {
        weight: 18,
        take: () =>
          Effect.gen(function*() {
            const request = {
              node: choices.pick(nodes),
              lanes: choices.some(lanes, 80),
              upTo: choices.pick([
                undefined,
                new Map(choices.some(lanes, 60).map((lane) => [lane, choices.pick([1, 2])]))
              ]),
              limit: choices.below(5),
              now
            }
            const { next, runs } = yield* ask((store) => store.claim(request))
            // of those that need places first, the model says which get them
            const woken = new Set(
              (yield* stores[0].runs({ limit: all }))
                .filter((run) => run.limits.length > 0 && (run.state === "running" || run.state === "ready"))
                .map(({ id }) => id)
            )
            const ready = rows.runs
              .filter(({ lane, taskVersion }) =>
                request.lanes.includes(lane) && taskVersion <= (request.upTo?.get(lane) ?? Infinity)
              )
              .flatMap((run) => {
                if (run.state === "ready") return [{ id: run.id, orderAt: run.orderAt! }]
                if (run.limits.length > 0 && !woken.has(run.id)) return []
                return run.state === "waiting" && run.readyAt! <= now
                  ? [{ id: run.id, orderAt: run.readyAt! - run.boost }]
                  : []
              })
              .toSorted((a, b) => a.orderAt - b.orderAt || (a.id < b.id ? -1 : 1))
            assert.deepEqual(runs.map(({ id }) => id), ready.slice(0, request.limit).map(({ id }) => id))
            const later = rows.runs.flatMap((run) =>
              run.state === "waiting" && run.readyAt! > now ? [run.readyAt!] : []
            )
            const isWorth = request.limit === 0 && ready.length > 0
            assert.equal(next, isWorth ? now : later.length === 0 ? null : Math.min(...later))
            claims.push(...runs)
          })
      },
      settle: {
        weight: 20,
        take: () => {
          const running = choices.some(rows.runs.filter(({ state }) => state === "running"), 50)
          const late = claims.length > 0 && choices.percent(30) ? [choices.pick(claims)] : []
          const settlements = [...running, ...late].map(settlement)
          return Effect.gen(function*() {
            const answers = yield* repeatable((store) => store.settle({ settlements, now }))
            const expected = running.map(({ cancel }, i) =>
              cancel !== null && settlements[i]!.next._tag !== "Done" ? "cancelled" : "ok"
            )
            assert.deepEqual(answers.slice(0, running.length), expected)
          })
        }
      },
      note: {
        weight: 3,
        take: () => {
          if (claims.length === 0) return Effect.void
          const { fence, id } = choices.pick(claims)
          const kept = {
            ...(choices.percent(60) ? { progress: `${now}` } : {}),
            ...(choices.percent(50) ? { log: `[${now}]` } : {})
          }
          return repeatable((store) => store.note({ run: id, fence, ...kept }))
        }
      },
      cancel: {
        weight: 3,
        take: () => {
          const selection = choices.percent(70)
            ? { runs: choices.some(rows.runs.map(({ id }) => id), 10) }
            : choices.percent(50)
            ? { job: choices.pick(jobIds) }
            : { jobs: choices.some(jobIds, 30) }
          const request = { reason: "walk", by: "test" }
          return repeatable((store) =>
            Effect.map(store.cancel({ ...selection, request, now }), ({ flagged, settled }) => ({
              // the second answer names only those that still run
              flagged: flagged.toSorted(),
              settled: settled.toSorted()
            }))
          )
        }
      },
      beat: {
        weight: 6,
        take: () =>
          Effect.gen(function*() {
            const node = choices.pick(nodes)
            const lease = { id: node, host: "host.invalid", pid: 1, expiresAt: now + 55 + some(600) }
            const held = yield* ask((store) =>
              Effect.map(store.beat(lease), (held) => held.toSorted((a, b) => a.run < b.run ? -1 : 1))
            )
            const running = byId(rows.runs.filter((run) => run.node === node))
            assert.deepEqual(held, running.map(({ cancel, fence, id }) => ({ run: id, fence, cancel })))
          })
      },
      leave: {
        weight: 2,
        take: () => {
          const node = choices.pick(nodes)
          return repeatable((store) => store.leave({ node, now }))
        }
      },
      reap: {
        weight: 4,
        take: () => {
          const includeExpired = choices.percent(80)
          return repeatable((store) =>
            Effect.map(store.reap({ now, includeExpired, limit: all }), ({ abandoned, released }) => ({
              abandoned: abandoned.toSorted(),
              released: released.toSorted()
            }))
          )
        }
      },
      sweep: {
        weight: 3,
        take: () => {
          const before = now - some(3000)
          const keep = choices.percent(15) ? { keep: [{ task: "Task", count: 20 }] } : {}
          return repeatable((store) => store.sweep({ now, before, ...keep, limit: all }))
        }
      },
      page: {
        weight: 4,
        take: () => {
          const last = rows.runs.length === 0 ? undefined : choices.pick(rows.runs)
          const query = {
            ...(last === undefined || choices.percent(50) ? {} : { after: { finished: last.finished, id: last.id } }),
            ...(choices.percent(50) ? {} : { job: choices.pick(jobIds) }),
            ...(choices.percent(70) ? {} : { going: choices.percent(50) }),
            ...(choices.percent(70) ? {} : { outcomes: choices.some(["succeeded", "failed", "cancelled"], 60) }),
            limit: 1 + choices.below(10)
          }
          return Effect.asVoid(ask((store) => store.runs(query)))
        }
      }
    }
    const deck = Object.keys(steps).flatMap((name) => Array.from({ length: steps[name]!.weight }, () => name))

    for (let n = 0; n < options.steps; n++) {
      const name = choices.pick(deck)
      now += some(120)
      const taking = Effect.gen(function*() {
        yield* steps[name]!.take()
        const after = yield* read(stores[0])
        for (const store of stores.slice(1)) sameJson(yield* read(store), after, "the rows differ")
        check(after)
        checkStep(rows, after)
        return after
      })
      rows = yield* Effect.catchDefect(
        taking,
        (cause) =>
          Effect.die(
            new Error(`step ${n} (${name}) of the walk with seed ${options.seed}: ${String(cause)}`, { cause })
          )
      )
    }
  })
