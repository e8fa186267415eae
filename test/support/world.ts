/**
 * A scheduler under TestClock with a task whose behaviour each test chooses, and a log of what its handler did.
 */
import { Clock, Effect, Exit, Layer, Schedule, Schema, Scope } from "effect"
import { FiberExecutor, JobStore, MemoryJobStore, Policy, Run, Scheduler, Task } from "effect-scheduler"

export class Refused extends Schema.TaggedError<Refused>()("Refused", { why: Schema.String }) {}

export const Work = Task.make("Work", {
  payload: { name: Schema.String },
  success: Schema.String,
  error: Refused
})

export const Retried = Task.make("Retried", {
  payload: { name: Schema.String },
  success: Schema.String,
  error: Refused,
  retry: Schedule.exponential("1 second").pipe(Schedule.upTo({ times: 3 }))
})

type Behaviour = (input: {
  readonly name: string
  readonly attempt: number
  readonly at: number
  readonly scheduledAt: number
}) => Effect.Effect<string, Refused, Run.CurrentRun | Scope.Scope>

export interface World {
  readonly log: Array<string>
  /** What the handlers do; by default they end at once. */
  behave: Behaviour
}

export const world = (): World => ({ log: [], behave: () => Effect.succeed("done") })

const handlerOf = (world: World) =>
  Effect.fnUntraced(function*({ name }: { readonly name: string }) {
    const run = yield* Run.CurrentRun
    const at = yield* Clock.currentTimeMillis
    const scheduledAt = run.scheduledAt.epochMilliseconds
    world.log.push(`${name} ${run.attempt} @${at}`)
    return yield* world.behave({ name, attempt: run.attempt, at, scheduledAt }).pipe(
      Effect.onExit((exit) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          if (Exit.isFailure(exit)) world.log.push(`${name} ${run.attempt} failed @${now}`)
        })
      )
    )
  })

export const handlers = (world: World) =>
  Layer.mergeAll(Work.toLayer(handlerOf(world)), Retried.toLayer(handlerOf(world)))

export interface Settings extends Omit<Scheduler.Options<readonly []>, "tasks"> {
  readonly concurrency?: number
}

/** A scheduler on a store; several may be started on the same one, together or one after another. */
export const on = (store: JobStore.Service, world: World, settings: Settings = {}) =>
  Scheduler.layer({ ...settings, tasks: [Work, Retried] }).pipe(
    Layer.provide([handlers(world), FiberExecutor.layer({ concurrency: settings.concurrency ?? 10 })]),
    Layer.provideMerge(Layer.succeed(JobStore.JobStore, store))
  )

/** A scheduler on a memory store of its own. */
export const inMemory = (world: World, settings: Settings = {}) =>
  Layer.unwrap(Effect.map(MemoryJobStore.make(), (store) => on(store, world, settings)))

/** Starts a scheduler in a scope that the test closes when it wants. */
export const start = Effect.fnUntraced(function*(store: JobStore.Service, world: World, settings: Settings = {}) {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(on(store, world, settings), scope)
  const scheduler = yield* Effect.provideContext(Scheduler.Scheduler, context)
  return { scheduler, close: Scope.close(scope, Exit.void), scope }
})

/** A store with some verbs replaced. */
export const withVerbs = (
  store: JobStore.Service,
  verbs: (store: JobStore.Service) => Partial<JobStore.Service>
): JobStore.Service => ({ ...store, ...verbs(store) })

export const policyText = (options: Partial<Policy.Policy>) => Policy.encode({ ...Policy.defaults, ...options })

/**
 * Lets everything happen that happens without time passing. TestClock waits for what it wakes, not for what a test's own call set off.
 */
export const turns = Effect.repeat(Effect.yieldNow, { times: 100 })
