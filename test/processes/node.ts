/** A process that works on a store until it is ended, and keeps a journal. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Exit, Layer, Stream } from "effect"
import { FiberExecutor, JobStore, Run, Scheduler } from "effect-scheduler"
import { existsSync } from "node:fs"
import { writer } from "./journal.ts"
import { layerOf, type Place } from "./stores.ts"
import { moodOf, Once, Refused, Retried } from "./work.ts"

export interface Orders {
  /** Under which it stands in its journal. */
  readonly name: string
  readonly place: Place
  readonly seed: string
  readonly journal: string
  /** A file that says that nothing more is to be asked for. */
  readonly quiet: string
  /** By how many milliseconds this process's clock is wrong. */
  readonly ahead: number
  readonly times: Pick<Scheduler.Options<[]>, "lease" | "beat" | "grace">
}

const orders: Orders = JSON.parse(process.argv[2]!)
const { name: by } = orders
const write = writer(orders.journal)

/** A journal has the right time; all else has a clock that is wrong. */
const now = Date.now
Date.now = () => now() + orders.ahead

/** A store that tells the journal what it answered. */
const told = Layer.effect(
  JobStore.JobStore,
  Effect.map(JobStore.JobStore, (store): JobStore.Service => ({
    ...store,
    claim: (request) =>
      Effect.tap(store.claim(request), ({ runs }) =>
        Effect.sync(() => {
          for (const { fence, id } of runs) write({ _tag: "claimed", by, run: id, fence })
        })),
    enqueue: (request) =>
      Effect.tap(store.enqueue(request), (answers) =>
        Effect.sync(() => {
          for (const [i, { id }] of request.runs.entries()) {
            if (answers[i] === "claimed") write({ _tag: "claimed", by, run: id, fence: 1, onArrival: true })
          }
        })),
    settle: (request) =>
      Effect.tap(store.settle(request), (answers) =>
        Effect.sync(() => {
          for (const [i, { fence, next, run }] of request.settlements.entries()) {
            write({ _tag: "settled", by, run, fence, next: next._tag, answer: answers[i]! })
          }
        }))
  }))
)

const handler = Effect.fnUntraced(function*({ name }: { readonly name: string }) {
  const { attempt, fence, id } = yield* Run.CurrentRun
  const { fails, millis } = moodOf(orders.seed, id, attempt)
  write({ _tag: "begun", by, run: id, fence, attempt, at: now() })
  const body = Effect.andThen(
    millis > 0 ? Effect.sleep(millis) : Effect.void,
    fails ? Effect.fail(new Refused({ why: name })) : Effect.void
  )
  yield* Effect.onExit(body, (exit) =>
    Effect.sync(() => {
      const how = Exit.isSuccess(exit) ? "succeeded" : Exit.hasInterrupts(exit) ? "interrupted" : "failed"
      write({ _tag: "ended", run: id, fence, how, at: now() })
    }))
})

const listening = Layer.effectDiscard(Effect.gen(function*() {
  const scheduler = yield* Scheduler.Scheduler
  write({ _tag: "told", by, event: "Up", at: now() })
  yield* Effect.forkScoped(
    Stream.runForEach(scheduler.events, ({ _tag }) =>
      Effect.sync(() => {
        if (_tag.startsWith("Store") || _tag === "RoleRestarted") {
          write({ _tag: "told", by, event: _tag, at: now() })
        }
      })),
    { startImmediately: true }
  )
}))

/** Each asks for runs of its own, until it is told to be quiet; what it was not answered it does not ask again. */
const asking = Layer.effectDiscard(Effect.gen(function*() {
  const scheduler = yield* Scheduler.Scheduler
  let n = 0
  const one = Effect.suspend(() => {
    const id = `own/${by}/${++n}`
    const delivery = n % 3 === 0 ? "atMostOnce" : "atLeastOnce"
    return Effect.tap(
      scheduler.enqueue(n % 2 === 0 ? Once : Retried, { id, delivery, payload: { name: id } }),
      () => Effect.sync(() => write({ _tag: "asked", by, run: id }))
    )
  })
  yield* Effect.forkScoped(
    Effect.repeat(Effect.andThen(Effect.ignore(one), Effect.sleep("50 millis")), {
      until: () => existsSync(orders.quiet)
    })
  )
}))

const Main = Layer.mergeAll(listening, asking).pipe(
  Layer.provide(Scheduler.layer({ ...orders.times, tasks: [Once, Retried] })),
  Layer.provide([Once.toLayer(handler), Retried.toLayer(handler), FiberExecutor.layer({ concurrency: 24 })]),
  Layer.provide(told.pipe(Layer.provide(layerOf(orders.place))))
)

NodeRuntime.runMain(Layer.launch(Main))
