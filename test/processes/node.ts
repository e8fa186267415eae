/** A process that works on a store until it is ended, and keeps a journal. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Exit, Layer, Stream } from "effect"
import { FiberExecutor, JobStore, Run, Scheduler } from "effect-scheduler"
import { writer } from "./journal.ts"
import { layerOf, type Place } from "./stores.ts"
import { moodOf, Once, Refused, Retried } from "./work.ts"

export interface Orders {
  /** Under which it stands in its journal. */
  readonly name: string
  readonly place: Place
  readonly seed: string
  readonly journal: string
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

const Main = listening.pipe(
  Layer.provide(Scheduler.layer({ ...orders.times, tasks: [Once, Retried] })),
  Layer.provide([Once.toLayer(handler), Retried.toLayer(handler), FiberExecutor.layer({ concurrency: 24 })]),
  Layer.provide(told.pipe(Layer.provide(layerOf(orders.place))))
)

NodeRuntime.runMain(Layer.launch(Main))
