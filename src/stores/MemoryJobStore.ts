/**
 * Keeps jobs, runs and verdicts in the memory of this process: the reference implementation of `JobStore`, fast and gone with the
 * process.
 *
 * **When to use**
 *
 * Use in tests, in simulations, and for jobs that need not outlive the program.
 *
 * **Details**
 *
 * Each verb is one synchronous step, so none ever sees another half done. History is bounded: see `Options`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type { Capabilities, Change, NodeRow, Service, Signal } from "../JobStore.ts"
import { JobStore } from "../JobStore.ts"
import { Hints } from "./memory/hints.ts"
import { Jobs } from "./memory/jobs.ts"
import { Rates } from "./memory/rates.ts"
import { Runs } from "./memory/runs.ts"
import { Verdicts } from "./memory/verdicts.ts"
import { waves } from "./waves.ts"

/**
 * How much history is kept. The oldest is forgotten first.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How many done runs are kept, besides the last one of each job that exists; 10,000 unless told. */
  readonly runs?: number | undefined
  /** How many verdict ranges are kept of each job; 1,000 unless told. */
  readonly verdicts?: number | undefined
}

const capabilities: Capabilities = {
  shared: false,
  push: true,
  transactions: false,
  durability: "none",
  claimsOnArrival: true
}

/**
 * Makes an empty store.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<Service> =>
  Effect.map(PubSub.sliding<Signal>({ capacity: 1024 }), (hub) => {
    const jobs = new Jobs()
    const runs = new Runs(options.runs ?? 10_000, (job, incarnation) => jobs.has(job, incarnation))
    const verdicts = new Verdicts(options.verdicts ?? 1_000)
    const rates = new Rates()
    const nodes = new Map<string, NodeRow>()

    const publish = (signal: Signal): void => {
      if (PubSub.publishUnsafe(hub, signal)) return
      // publishUnsafe leaves a full buffer as it is; the oldest hint is the one to lose
      hub.pubsub.slide()
      PubSub.publishUnsafe(hub, signal)
    }

    /** A verb that changes runs: carries out the step, and then tells of what it did. */
    const verb = <A>(step: (hints: Hints) => A): Effect.Effect<A> =>
      Effect.sync(() => {
        const hints = new Hints()
        const result = step(hints)
        for (const signal of hints.signals()) publish(signal)
        return result
      })

    const jobRemoved = (job: string, incarnation: string): void => {
      runs.jobRemoved(job, incarnation)
      verdicts.jobRemoved(job, incarnation)
    }

    /** Changes the job's row, and cancels what is going of it. */
    const carryOut = ({ cancel, incarnation, job, revision, update }: Change, now: number, hints: Hints): boolean => {
      const entry = jobs.get(job)
      if (entry === undefined) return false
      const row = entry.row
      if (row.incarnation !== incarnation || row.revision !== revision) return false
      const next = revision + 1
      switch (update._tag) {
        case "Advance":
          jobs.advance(entry, update)
          break
        case "Replace":
          jobs.replace(entry, { ...update.row, id: row.id, incarnation, revision: next, created: row.created })
          break
        case "Renew":
          jobs.replace(entry, { ...update.row, id: row.id, revision: next })
          break
        case "Delete":
          jobs.delete(entry)
          break
      }
      if (cancel !== null) runs.cancel(runs.goingIds(job, incarnation), cancel, now, hints)
      return true
    }

    /** Carries out changes of distinct jobs; those that are stale are noted. */
    const commit = (changes: ReadonlyArray<Change>, now: number, hints: Hints, stale: Set<Change>): void => {
      for (const change of changes) if (!carryOut(change, now, hints)) stale.add(change)
      runs.promote(now, hints)
      for (const change of changes) {
        if (stale.has(change)) continue
        for (const run of change.runs) runs.add(run, now, hints)
        for (const verdict of change.verdicts) verdicts.record(verdict)
        const { _tag } = change.update
        if (_tag === "Delete" || _tag === "Renew") jobRemoved(change.job, change.incarnation)
      }
    }

    return {
      capabilities,
      transaction: Effect.undefined,

      insertJobs: (rows) =>
        Effect.sync(() => {
          const answers = rows.map((row) => jobs.insert(row) ? "inserted" : "exists")
          if (answers.includes("inserted")) publish({ _tag: "jobs" })
          return answers
        }),

      jobs: (query) => Effect.sync(() => jobs.select(query)),

      due: ({ limit, now }) =>
        Effect.sync(() => {
          const { next, rows } = jobs.due(now, limit)
          const found = rows.map((job) => {
            const { going, latest } = runs.goingOf(job.id, job.incarnation)
            return { job, going, latest }
          })
          return { jobs: found, next }
        }),

      commit: ({ changes, now }) =>
        verb((hints) => {
          const stale = new Set<Change>()
          for (const wave of waves(changes, ({ job }) => job)) commit(wave, now, hints, stale)
          if (changes.some((change) => !stale.has(change) && change.update._tag !== "Advance")) {
            publish({ _tag: "jobs" })
          }
          return changes.map((change) => stale.has(change) ? "stale" : "ok")
        }),

      enqueue: (request) =>
        verb((hints) =>
          request.runs.map((run, _, { length }) => {
            const { node, now, replace } = request
            if (replace === true) return runs.addOrReplace(run, now, hints)
            if (node !== undefined && length === 1) return runs.addAndClaim(run, node, now, hints)
            return runs.add(run, now, hints) ? "added" : "duplicate"
          })
        ),

      take: ({ now, wants }) => Effect.sync(() => wants.map((want) => rates.take(want, now))),

      claim: (request) => Effect.sync(() => runs.claim(request)),

      settle: ({ now, settlements }) => verb((hints) => runs.settle(settlements, now, hints)),

      note: ({ fence, run, ...kept }) => Effect.sync(() => runs.note(run, fence, kept)),

      cancel: ({ incarnation, job, jobs, now, request, runs: ids }) =>
        verb((hints) => {
          const selected = ids ?? jobs?.flatMap((job) => runs.goingIds(job)) ??
            (job === undefined ? [] : runs.goingIds(job, incarnation))
          runs.cancel(selected, request, now, hints)
          runs.promote(now, hints)
          return { settled: hints.settled.slice(), flagged: hints.flagged.slice() }
        }),

      revive: ({ now, runs: ids }) => verb((hints) => ids.map((id) => runs.revive(id, now, hints))),

      runs: (query) => Effect.sync(() => runs.select(query)),

      verdicts: (query) => Effect.sync(() => verdicts.select(query)),

      beat: (node) =>
        Effect.sync(() => {
          const expiresAt = Math.max(nodes.get(node.id)?.expiresAt ?? -Infinity, node.expiresAt)
          nodes.set(node.id, { ...node, expiresAt })
          return runs.heldBy(node.id)
        }),

      leave: ({ node, now }) =>
        verb((hints) => {
          nodes.delete(node)
          runs.take(node, now, Infinity, { released: [], abandoned: [] }, hints)
          runs.promote(now, hints)
        }),

      reap: ({ includeExpired, limit, now }) =>
        verb((hints) => {
          const taken = { released: new Array<string>(), abandoned: new Array<string>() }
          // all nodes live in this process, so none is ever known to be gone but by its silence
          if (!includeExpired) return taken
          for (const node of new Set([...runs.holders(), ...nodes.keys()])) {
            const lease = nodes.get(node)
            if (lease !== undefined && lease.expiresAt >= now) continue
            runs.take(node, now, limit - taken.released.length - taken.abandoned.length, taken, hints)
            if (runs.heldBy(node).length === 0) nodes.delete(node)
          }
          runs.promote(now, hints)
          return taken
        }),

      sweep: ({ before, keep = [], limit, now }) =>
        Effect.sync(() => {
          rates.sweep(now)
          const expired = runs.sweep(now, limit)
          const beyond = keep.map(({ count, task }) => runs.sweepBeyond(task, count, limit))
          return beyond.reduce((a, b) => a + b, expired + verdicts.sweep(before, limit))
        }),

      signals: Stream.fromPubSub(hub)
    }
  })

/**
 * An empty store that keeps the default amount of history.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<JobStore> = Layer.effect(JobStore, make())

/**
 * An empty store that keeps as much history as told.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWith = (options: Options): Layer.Layer<JobStore> => Layer.effect(JobStore, make(options))
