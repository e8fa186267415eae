/**
 * The fiber tree of one store, from its start to its orderly end.
 *
 *     scope
 *     ├── vital: settler, heartbeat                   first in, last out
 *     ├── runs: one fiber for each attempt
 *     └── roles: listener, planner, workers, janitor
 *
 * Closing: nothing is planned or claimed any more; runs may end within the grace period; the others are interrupted and handed back;
 * the node leaves.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import { hostname } from "node:os"
import { pid } from "node:process"
import type * as Executor from "../Executor.ts"
import type * as JobStore from "../JobStore.ts"
import type { InvalidOption } from "../SchedulerError.ts"
import * as Trigger from "../Trigger.ts"
import * as Arrivals from "./arrivals.ts"
import { awaitEnd, stop } from "./cancel.ts"
import * as Claims from "./claims.ts"
import { type Core, lanesOf, now, type Served } from "./core.ts"
import type { Defaults } from "./defaults.ts"
import type { StoreEvents } from "./events.ts"
import { followNewest } from "./following.ts"
import { freshId } from "./freshId.ts"
import * as Heartbeat from "./heartbeat.ts"
import { janitor, reap } from "./janitor.ts"
import * as Outage from "./outage.ts"
import { planner } from "./planner.ts"
import { replan } from "./replan.ts"
import * as Settings from "./settings.ts"
import * as Settler from "./settler.ts"
import { listener } from "./signals.ts"
import * as Silence from "./silence.ts"
import * as StoreTime from "./storeTime.ts"
import { supervise } from "./supervise.ts"
import { worker } from "./worker.ts"

/** How long closing waits for a store that does not answer. */
const farewell = "5 seconds"

/** How long the start waits to be told the store's time. */
const patience = "2 seconds"

/** More turns of the event loop than any chain of wake-ups inside the engine takes. */
const reactionTurns = 32

/** How long verdicts are remembered, in milliseconds: 90 days. */
const verdictRetention = 90 * 24 * 60 * 60 * 1000

export interface Options {
  readonly name: string
  readonly store: JobStore.Service
  readonly executors: ReadonlyMap<string, Executor.Service>
  readonly served: ReadonlyMap<string, Served>
  readonly events: StoreEvents
  readonly gate: Latch.Latch
  /** Whether this node plans, as it does unless told; others may do it for all. */
  readonly planning?: boolean | undefined
  readonly defaults: Defaults
  readonly times: Settings.EngineOptions
}

export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Core, InvalidOption, Scope.Scope> {
  const clock = yield* Clock.Clock
  const live = Settings.isLive(clock)
  const settings = yield* Settings.resolve(options.times, options.store.capabilities, live)
  const store = Silence.within(options.store, settings.storeTimeout)
  const time = live ? StoreTime.make(clock, store, options.events) : StoreTime.none(clock)
  // a store that does not answer is asked again by whoever needs it
  yield* Effect.ignore(Effect.timeout(time.keep, patience))
  // handlers have the time of their machine, the engine has the store's
  const context = yield* Effect.context<never>()
  return yield* Effect.provideService(
    start({ ...options, store, settings, context, live, time }),
    Clock.Clock,
    time.clock
  )
})

const start = Effect.fnUntraced(function*(
  options: Options & {
    readonly context: Context.Context<never>
    readonly live: boolean
    readonly settings: Settings.Settings
    readonly time: StoreTime.StoreTime
  }
): Effect.fn.Return<Core, never, Scope.Scope> {
  const { context, events, gate, live, name, planning = true, settings, store, time } = options
  const executors = [...options.executors].filter(([executor]) => lanesOf(options.served, executor).length > 0)
  // Joined once, not in every run.
  const served = new Map<string, Served>()
  for (const [name, known] of options.served) {
    served.set(name, { ...known, context: Context.merge(context, known.context) })
  }
  const host = hostname()
  const outage = Outage.make(name, events, yield* now)
  const settler = Settler.make(store, outage, settings.settleBatch)
  const background = yield* FiberSet.runtime(yield* FiberSet.make())<never>()
  const core: Core = {
    name,
    node: `${host}/${pid}/${yield* freshId}`,
    host,
    pid,
    clock: time.clock,
    keepTime: time.keep,
    store,
    executors,
    served,
    registry: yield* Trigger.CurrentRegistry,
    defaults: options.defaults,
    settings,
    events,
    outage,
    gate,
    planWake: Latch.makeUnsafe(false),
    workWakes: executors.map(() => Latch.makeUnsafe(false)),
    holdWake: Latch.makeUnsafe(false),
    arrivals: new Map(),
    running: new Map(),
    waiters: new Map(),
    reacted: live ? Effect.void : Effect.asVoid(Effect.repeat(Effect.yieldNow, { times: reactionTurns })),
    settler,
    background
  }
  const lease = Heartbeat.make(core)
  const [vital, roles] = yield* Effect.all([Scope.make(), Scope.make("parallel")])
  const begin = (scope: Scope.Scope, role: string, loop: Effect.Effect<unknown>) =>
    Effect.forkIn(supervise(role, events, loop), scope, { startImmediately: true })

  yield* Effect.addFinalizer(() =>
    Effect.gen(function*() {
      core.arrivals.clear()
      yield* Scope.close(roles, Exit.void)
      // What was claimed and handed back before it began is not among those that run.
      const ends = () =>
        Effect.andThen(
          Effect.forEach([...core.running.values()], (running) => awaitEnd(core, running), {
            concurrency: "unbounded",
            discard: true
          }),
          settler.drained
        )
      if (settings.grace > 0 && core.running.size > 0) yield* Effect.timeoutOption(ends(), settings.grace)
      const handlers = [...core.running.values()].flatMap((running) => running.fiber ?? [])
      for (const running of core.running.values()) stop(running, "shutdown")
      // A finalizer may take its time; a store that does not answer, or never comes back to us, may not take ours.
      const patience = Effect.andThen(Fiber.awaitAll(handlers), Effect.sleep(farewell))
      // Nobody may move a test's clock any more: there a store that is known to be away is not waited for at all.
      yield* Effect.raceFirst(ends(), !live && core.outage.down() ? Effect.void : patience)
      yield* settler.giveUp
      yield* ends()
      yield* Scope.close(vital, Exit.void)
      // One that does not answer learns of it when the lease is over.
      if (core.outage.down()) return
      const leave = Effect.flatMap(now, (at) => store.leave({ node: core.node, now: at }))
      yield* Effect.ignore(Effect.timeoutOption(leave, farewell), { log: "Warn" })
    })
  )

  yield* begin(vital, "settler", settler.loop)
  yield* begin(vital, "heartbeat", lease.loop)
  yield* begin(roles, "listener", listener(core))
  // What a process that died on this host held is taken over at once.
  if (store.capabilities.shared) {
    yield* begin(
      roles,
      "first reap",
      Effect.andThen(reap(core, () => false), Effect.never)
    )
  }
  if (planning) yield* begin(roles, "planner", planner(core, lease))
  // what one start left behind, the next one may find
  if (store.capabilities.shared || store.capabilities.durability !== "none") {
    if (planning) yield* begin(roles, "replanner", Effect.andThen(replan(core), Effect.never))
    yield* begin(roles, "follower", Effect.andThen(followNewest(core), Effect.never))
  }
  // in the memory of this process a claim is no journey that could be saved
  const claimsOnArrival = store.capabilities.claimsOnArrival === true &&
    (store.capabilities.shared || store.capabilities.durability !== "none")
  for (let i = 0; i < executors.length; i++) {
    const [name, executor] = executors[i]!
    const wake = core.workWakes[i]!
    const idle = Latch.makeUnsafe(false)
    const claims = Claims.make(core, executor, wake, lease)
    yield* begin(roles, "worker", worker(core, [name, executor], wake, lease, claims, idle))
    if (!claimsOnArrival) continue
    const isIdle = () => idle.isOpen() && !wake.isOpen()
    core.arrivals.set(name, yield* Scope.provide(Arrivals.make(core, executor, lease, claims, isIdle), roles))
  }
  yield* begin(roles, "janitor", janitor(core, verdictRetention))
  return core
})
