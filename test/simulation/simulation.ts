/**
 * Some nodes on one store, jobs of all kinds, handlers of all moods, faults of all sorts: hours of it in a moment, determined by a seed.
 */
import { Cause, Clock, type Duration, Effect, Exit, Fiber, Layer, Random as EffectRandom, Scope } from "effect"
import { Executor, FiberExecutor, JobStore, MemoryJobStore, Run, Scheduler } from "effect-scheduler"
import { TestClock } from "effect/testing"
import { counting } from "../support/counting.ts"
import { wall } from "../support/wall.ts"
import { Refused, Retried, Work } from "../support/world.ts"
import { cancelling } from "./actors/cancelling.ts"
import { completing } from "./actors/completing.ts"
import { declaring } from "./actors/declaring.ts"
import { deploying, isNewer as isNewerOf, programs } from "./actors/deploying.ts"
import { hanging } from "./actors/hanging.ts"
import { managing } from "./actors/managing.ts"
import { redriving } from "./actors/redriving.ts"
import { Remembered, remembering } from "./actors/remembering.ts"
import { mended, repairing } from "./actors/repairing.ts"
import { requesting } from "./actors/requesting.ts"
import { setting } from "./actors/setting.ts"
import { slowing } from "./actors/slowing.ts"
import { snoozing } from "./actors/snoozing.ts"
import { Checker, describe } from "./checker.ts"
import { type Happening, recorded } from "./history.ts"
import { link, longestSilence, slowest, type Weather } from "./link.ts"
import { follow, policyOf } from "./policies.ts"
import { random } from "./random.ts"
import type { Actor, Call, Node, Stage } from "./stage.ts"
import { transactional } from "./transaction.ts"
import { triggers } from "./triggers.ts"

export interface Options {
  readonly seed: string
  readonly minutes: number
  /** Who takes part besides those who do everything; all, unless told. */
  readonly actors?: ReadonlyArray<Actor>
  /** What a canary breaks. */
  readonly broken?: (store: JobStore.Service) => JobStore.Service
  /** How long those who give up a call wait for it. */
  readonly storeTimeout?: Duration.Input | undefined
}

export interface Report {
  readonly violations: ReadonlyArray<string>
  /** All that happened, in order. */
  readonly steps: ReadonlyArray<string>
  readonly seen: Readonly<Record<string, number>>
}

const concurrency = 4
const times = {
  lease: "20 seconds",
  beat: "5 seconds",
  reap: "5 seconds",
  reread: "30 seconds",
  poll: "10 seconds"
} as const

/** All who take part besides those who do everything. */
export const everybody: ReadonlyArray<Actor> = [
  completing,
  declaring,
  deploying,
  hanging,
  managing,
  redriving,
  remembering,
  repairing,
  requesting,
  cancelling,
  setting,
  slowing,
  snoozing
]

export const simulate = Effect.fnUntraced(function*(
  { actors = everybody, broken = (store) => store, minutes, seed, storeTimeout = "10 seconds" }: Options
) {
  const choices = random(seed)
  const cast = actors.map((actor) => ({ actor, choices: choices.fork(actor.name) }))
  const { any, enumerate, rhythm } = triggers()
  const memory = yield* MemoryJobStore.make({ runs: 1_000_000, verdicts: 1_000_000 })
  const checker = new Checker(enumerate, (ids) => Effect.runSync(memory.runs({ ids, limit: ids.length })))
  const steps: Array<string> = []
  const clock = yield* Clock.Clock
  const { clock: wallClock, now: onTheWall, set } = wall(clock)
  const see = (happening: Happening): void => {
    const at = clock.currentTimeMillisUnsafe()
    steps.push(`${at} ${describe(happening)}`)
    checker.see(happening, at)
  }
  const shared = { ...memory, capabilities: { ...memory.capabilities, shared: true, durability: "process" as const } }
  const store = transactional(recorded(broken(shared), see))

  const end = clock.currentTimeMillisUnsafe() + minutes * 60_000
  const nodes: Array<Node> = []
  const closing: Array<{ readonly node: Node; readonly fiber: Fiber.Fiber<unknown> }> = []
  const calls: Array<Call> = []
  let count = 0
  let told = 0

  const handlerOf = (node: () => Node) =>
    Effect.fnUntraced(function*({ name }: { readonly name: string }) {
      const { attempt: n, fence, id, job } = yield* Run.CurrentRun
      const { link, name: nodeName, scheduler } = node()
      const attempt = { node: nodeName, run: id, fence, job, attempt: n }
      const mood = random(`${seed}/mood/${id}/${n}`)
      const tell = (_tag: "started" | "ended") => Effect.sync(() => link.dead || see({ _tag, attempt }))
      const body = Effect.gen(function*() {
        if (mood.chance(0.8)) yield* Effect.sleep(mood.int(1, mood.chance(0.4) ? 45_000 : 5_000))
        for (const { name, within } of actors) {
          if (within !== undefined) yield* within(stage, node(), attempt, random(`${seed}/${name}/${id}#${fence}`))
        }
        if (job !== undefined && mood.chance(0.01)) yield* remove(node(), job, id)
        if (job !== undefined && mood.chance(0.01)) yield* Effect.ignore(scheduler.pause(job))
        if (mood.chance(0.15)) return yield* new Refused({ why: name })
        if (mood.chance(0.03)) return yield* Effect.die(new Error("a bug"))
        if (mood.chance(0.01)) return yield* Effect.interrupt
        return "done"
      })
      const finalizer = mood.chance(0.3) ? Effect.sleep(mood.int(1, 8_000)) : Effect.void
      return yield* Effect.andThen(tell("started"), body).pipe(
        Effect.onExit(() => Effect.andThen(finalizer, tell("ended")))
      )
    })

  const start = Effect.gen(function*() {
    const here = link(store, choices.fork(`link ${++count}`))
    const { executor, free } = counting(yield* FiberExecutor.make({ concurrency }), concurrency)
    const scope = yield* Scope.make()
    const handler = handlerOf(() => node)
    // The last ones to start are the newest, and leave nothing to others.
    const isNewer = clock.currentTimeMillisUnsafe() >= end || isNewerOf(seed, count)
    // Nobody can wait for ever for what is never answered.
    const givesUp = actors.includes(hanging) && random(`${seed}/patience/${count}`).chance(0.6)
    const options = givesUp ? { ...times, storeTimeout } : times
    const common = [Work, Retried, Remembered] as const
    const program = isNewer
      ? Scheduler.layer({ ...options, tasks: [...common, programs.newer, mended.newer] }).pipe(
        Layer.provide([programs.newer.toLayer(handler), mended.newer.toLayer(handler)])
      )
      : Scheduler.layer({ ...options, tasks: [...common, programs.older, mended.older] }).pipe(
        Layer.provide([programs.older.toLayer(handler), mended.older.toLayer(handler)])
      )
    const layer = program.pipe(
      Layer.provide([Work.toLayer(handler), Retried.toLayer(handler), Remembered.toLayer(handler)]),
      Layer.provide([Layer.succeed(Executor.Executor, executor), Layer.succeed(JobStore.JobStore, here.store)])
    )
    const context = yield* Effect.provideService(Layer.buildWithScope(layer, scope), Clock.Clock, wallClock)
    const scheduler = yield* Effect.provideContext(Scheduler.Scheduler, context)
    const node: Node = { name: scheduler.node, scheduler, link: here, scope, isNewer, givesUp, free }
    nodes.push(node)
    see({ _tag: "joined", node: node.name, version: isNewer ? 2 : 1 })
    see({ _tag: "healthy", node: node.name, since: clock.currentTimeMillisUnsafe() })
  })

  const stop = Effect.fnUntraced(function*(node: Node) {
    nodes.splice(nodes.indexOf(node), 1)
    // It may not know yet that its store is back, and under a test's clock one that is away is not waited for: its lease runs out.
    see({ _tag: "healthy", node: node.name, since: undefined })
    // Detached: a failing seed ends at once, whatever it leaves open.
    const fiber = yield* Effect.forkDetach(Scope.close(node.scope, Exit.void), { startImmediately: true })
    closing.push({ node, fiber })
  })

  const crash = (node: Node) => {
    node.link.dead = true
    see({ _tag: "crashed", node: node.name })
    return stop(node)
  }

  const weather = (node: Node, state: Weather) => {
    const { silent: wasSilent, slow: wasSlow } = node.link
    Object.assign(node.link, state)
    const well = !node.link.cut && !node.link.flaky && !node.link.slow && !node.link.silent
    // What is on a slow way stays on it, and so does who waits for what is never answered.
    const late = wasSilent ? longestSilence : wasSlow ? slowest : 0
    const since = clock.currentTimeMillisUnsafe() + late
    see({ _tag: "healthy", node: node.name, since: well ? since : undefined })
  }

  /** A caller that removes a job, and tells when it has come back. */
  const remove = Effect.fnUntraced(function*(node: Node, id: string, own: string | undefined) {
    const by = `caller ${++count}`
    const timeout = choices.chance(0.2) ? choices.int(1_000, 30_000) : undefined
    const exit = yield* Effect.exit(node.scheduler.remove(id, { by, timeout }))
    if (Exit.isSuccess(exit) && !node.link.dead) see({ _tag: "removed", by, own, abandoned: exit.value.abandoned })
  })

  /** As a caller on the machine asks, who does not mind what comes of it. */
  const onWall = (verb: Effect.Effect<unknown, unknown>) =>
    Effect.provideService(Effect.ignore(verb), Clock.Clock, wallClock)

  const call = Effect.fnUntraced(function*(node: Node, what: string, verb: Effect.Effect<unknown, unknown>) {
    steps.push(`${clock.currentTimeMillisUnsafe()} ${node.name} ${what}`)
    checker.census.count(`call: ${what.replace(/\b(job|caller )?\d+\b/g, "#")}`)
    const told = Effect.provideService(Effect.exit(verb), Clock.Clock, wallClock)
    calls.push({ what, node: node.name, fiber: yield* Effect.forkChild(told, { startImmediately: true }) })
  })

  const anything = Effect.gen(function*() {
    const node = choices.pick(nodes)
    const { scheduler } = node
    const id = `job${choices.int(1, 5)}`
    const now = onTheWall()
    const dice = choices.int(0, 99)
    if (dice < 25) {
      const { task, ...policy } = policyOf(seed, id)
      const conflict = choices.pick(["update", "update", "replace", "keep"] as const)
      const paused = choices.chance(0.1)
      const whenDone = choices.pick(["keep", "remove"] as const)
      const job = { id, payload: { name: id }, trigger: any(choices, now), conflict, paused, whenDone, ...policy }
      yield* call(node, `schedule ${id} (${conflict})`, scheduler.schedule(task, job))
    } else if (dice < 32 && now % 3 === 0) {
      yield* call(node, `skipNext ${id}`, scheduler.skipNext(id))
    } else if (dice < 36 && now % 7 === 0) {
      const from = now - 1_000 * (1 + now % 300)
      yield* call(node, `backfill ${id} from ${from}`, scheduler.backfill(id, { from, limit: 20, pace: now % 2_000 }))
    } else if (dice < 32) {
      // By the clock and not by choice, which would change what every seed is about.
      const until = now % 2 === 0 ? now + 1_000 * (1 + now % 200) : undefined
      yield* call(node, `pause ${id}${until === undefined ? "" : ` until ${until}`}`, scheduler.pause(id, { until }))
    } else if (dice < 36 && now % 2 === 0) {
      const to = now + 1_000 * (1 + now % 30)
      yield* call(node, `move ${id} to ${to}`, scheduler.move(id, { to }))
    } else if (dice < 42) yield* call(node, `resume ${id}`, scheduler.resume(id, { catchUp: choices.chance(0.5) }))
    else if (dice < 46) yield* call(node, `reschedule ${id}`, scheduler.reschedule(id, any(choices, now)))
    else if (dice < 52) yield* call(node, `remove ${id}`, remove(node, id, undefined))
    else if (dice < 54) yield* call(node, `remove ${id} (wait)`, scheduler.remove(id, { running: "wait" }))
    else if (dice < 62) {
      const delivery = choices.pick(["atLeastOnce", "atMostOnce"] as const)
      const followedBy = follow(random(`${seed}/follow/${now}`), 1)
      const run = scheduler.run(choices.pick([Work, Retried]), { payload: { name: "adhoc" }, delivery, followedBy })
      yield* call(node, "run", run)
    } else if (dice < 66) {
      yield* call(node, "interrupted run", Effect.timeout(scheduler.run(Work, { payload: { name: "left" } }), 50))
    } else if (dice < 72) weather(node, { cut: true })
    else if (dice < 80) weather(node, { cut: false })
    else if (dice < 88) weather(node, { flaky: !node.link.flaky })
    else if (dice < 91) yield* scheduler.pauseNode
    else if (dice < 95) yield* scheduler.resumeNode
    else if (nodes.length > 1 && dice < 97) yield* crash(node)
    else if (nodes.length > 1 && dice < 98) yield* stop(node)
    else if (nodes.length < 4) yield* start
  })

  const stage: Stage = {
    seed,
    nodes,
    now: onTheWall,
    set: (by) => {
      set(by)
      see({ _tag: "stepped", by })
    },
    weather: (node, state) => Effect.sync(() => weather(node, state)),
    fresh: () => ++told,
    see,
    store,
    stored: memory,
    anyTrigger: any,
    anyRhythm: (random) => rhythm(random),
    call
  }
  for (let n = choices.int(2, 4); n > 0; n--) yield* start
  while (clock.currentTimeMillisUnsafe() < end && checker.violations.length === 0) {
    yield* anything
    for (const { actor, choices } of cast) if (choices.chance(actor.chance)) yield* actor.act(stage, choices)
    yield* TestClock.adjust(choices.int(1, choices.chance(0.3) ? 40_000 : 5_000))
    checker.check(clock.currentTimeMillisUnsafe())
  }

  // All becomes well, and quiet.
  if (checker.violations.length === 0) {
    yield* start
    const well = { cut: false, flaky: false, slow: false, silent: false }
    // One that closed while it was cut off is well only as far as it can go on closing.
    for (const { node } of closing) Object.assign(node.link, well)
    for (const node of nodes) {
      weather(node, well)
      yield* node.scheduler.resumeNode
    }
    yield* TestClock.adjust("2 minutes")
    for (const { actor, choices } of cast) {
      if (actor.atLast !== undefined) {
        yield* Effect.provideService(actor.atLast(stage, choices), Clock.Clock, wallClock)
      }
    }
    const { scheduler } = nodes[nodes.length - 1]!
    for (const { id } of yield* memory.jobs({ limit: 100 })) {
      yield* onWall(scheduler.resume(id, { catchUp: choices.chance(0.5) }))
    }
    yield* TestClock.adjust("1 minute")
    for (const { id } of yield* memory.jobs({ limit: 100 })) yield* onWall(scheduler.pause(id))
    yield* TestClock.adjust("20 minutes")
    // What nobody was left to say of an end is said by the next that starts.
    yield* start
    yield* TestClock.adjust("20 minutes")
    const at = clock.currentTimeMillisUnsafe()
    checker.check(at)
    const jobs = yield* memory.jobs({ limit: 100 })
    const verdicts = yield* Effect.forEach(
      jobs,
      ({ id, incarnation }) => memory.verdicts({ job: id, incarnation, limit: 1_000_000 })
    )
    checker.finish(yield* memory.runs({ limit: 1_000_000 }), jobs, verdicts.flat(), onTheWall())
  }
  const violations = [...checker.violations]
  if (violations.length === 0) {
    for (const { free, name } of nodes) {
      if (free() !== concurrency) violations.push(`${name} has ${free()} free slots of ${concurrency} at the end`)
    }
    const dead = new Set(closing.filter(({ node }) => node.link.dead).map(({ node }) => node.name))
    for (const { fiber, node, what } of calls) {
      const exit = fiber.pollUnsafe()
      if (exit === undefined && !dead.has(node)) violations.push(`${what} on ${node} never returned`)
      const died = exit !== undefined && Exit.isSuccess(exit) && Exit.isExit(exit.value) && Exit.hasDies(exit.value)
      if (died) violations.push(`${what} died: ${Cause.pretty((exit.value as Exit.Failure<unknown, unknown>).cause)}`)
    }
    while (nodes.length > 0) yield* stop(nodes[0]!)
    yield* TestClock.adjust("1 minute")
    for (const { fiber, node } of closing) {
      if (fiber.pollUnsafe() === undefined) violations.push(`${node.name} never closed`)
      if (node.free() !== concurrency) violations.push(`${node.name} closed with ${node.free()} free slots`)
    }
    if ((yield* memory.runs({ going: true, limit: 1 })).length > 0) violations.push("something is going after the end")
  }
  yield* Fiber.interruptAll(calls.map(({ fiber }) => fiber))
  return { violations, steps, seen: checker.census.counts } satisfies Report as Report
}, (effect, { seed }) => EffectRandom.withSeed(effect, seed))
