/**
 * Some nodes on one store, jobs of all kinds, handlers of all moods, faults of all sorts: hours of it in a moment, determined by a seed.
 */
import { Cause, Clock, Effect, Exit, Fiber, Layer, Random as EffectRandom, Scope } from "effect"
import {
  Continuation,
  Executor,
  FiberExecutor,
  JobStore,
  MemoryJobStore,
  type Policy,
  Run,
  Scheduler,
  Trigger
} from "effect-scheduler"
import { TestClock } from "effect/testing"
import { counting } from "../support/counting.ts"
import { Refused, Retried, Work } from "../support/world.ts"
import { Checker, describe, type Enumerate } from "./checker.ts"
import { type Happening, recorded } from "./history.ts"
import { type Link, link } from "./link.ts"
import { type Random, random } from "./random.ts"

export interface Options {
  readonly seed: string
  readonly minutes: number
  /** What a canary breaks. */
  readonly broken?: (store: JobStore.Service) => JobStore.Service
}

export interface Report {
  readonly violations: ReadonlyArray<string>
  /** All that happened, in order. */
  readonly steps: ReadonlyArray<string>
  readonly seen: Readonly<Record<string, number>>
}

interface Node {
  readonly name: string
  readonly scheduler: Scheduler.Service
  readonly link: Link
  readonly scope: Scope.Closeable
  readonly free: () => number
}

const concurrency = 4
const times = {
  lease: "20 seconds",
  beat: "5 seconds",
  reap: "5 seconds",
  reread: "30 seconds",
  poll: "10 seconds"
} as const

/** The triggers of a simulation, each with an enumeration that owes nothing to the library's. */
const triggers = () => {
  const known = new Map<string, (anchor: number, after: number, until: number) => ReadonlyArray<number>>()
  const steps = (first: number, period: number, after: number, until: number) => {
    const found: Array<number> = []
    for (let at = first; at <= until; at += period) if (at > after) found.push(at)
    return found
  }
  const add = (
    trigger: Trigger.Trigger,
    enumerate: (anchor: number, after: number, until: number) => ReadonlyArray<number>
  ) => {
    known.set(Trigger.encode(trigger), enumerate)
    return trigger
  }
  const any = (random: Random, now: number): Trigger.Trigger => {
    const kind = random.int(0, 9)
    if (kind < 5) {
      const period = random.pick([3_000, 7_500, 10_000, 30_000, 61_000])
      return add(Trigger.interval(period), (anchor, after, until) => steps(anchor + period, period, after, until))
    }
    if (kind < 8) {
      const minutes = random.pick([1, 2, 5])
      const period = minutes * 60_000
      return add(
        Trigger.cron(minutes === 1 ? "* * * * *" : `*/${minutes} * * * *`),
        (anchor, after, until) => steps((Math.floor(anchor / period) + 1) * period, period, after, until)
      )
    }
    const dates = Array.from({ length: random.int(1, 4) }, () => now + random.int(-60_000, 300_000))
    const ordered = [...new Set(dates)].toSorted((a, b) => a - b)
    return add(Trigger.dates(ordered), (_anchor, after, until) => ordered.filter((at) => at > after && at <= until))
  }
  const enumerate: Enumerate = (trigger, anchor, after, until) => known.get(trigger)!(anchor, after, until)
  return { any, enumerate }
}

/** What a job of this name is like, in all its incarnations. */
const policyOf = (seed: string, id: string) => {
  const choice = random(`${seed}/policy/${id}`)
  return {
    overlap: choice.pick(["skip", "queue", "cancelRunning", { queueAll: 3 }, { allow: 2 }] as const),
    catchUp: choice.pick(["latest", "earliest", "all", "none"] as const),
    catchUpLimit: choice.pick([2, 5]),
    delivery: choice.pick(["atLeastOnce", "atMostOnce"] as const),
    timeout: choice.pick(["20 seconds", Infinity] as const),
    misfireGrace: choice.pick([Infinity, Infinity, "40 seconds"] as const),
    task: choice.pick([Work, Retried]),
    ...limitsOf(random(`${seed}/limits/${id}`)),
    followedBy: choice.chance(0.5) ? follow(choice, 2) : []
  }
}

/** What it shares with other jobs, of a stream of its own. */
const limitsOf = (choice: Random): Policy.Options => ({
  ...choice.chance(0.3) ? { concurrency: { task: choice.int(1, 3) } } : {},
  ...choice.chance(0.3) ? { rate: { limit: choice.int(1, 3), per: "20 seconds" } } : {}
})

/** What follows a run: some of each kind, and what follows those. */
const follow = (choice: Random, depth: number): ReadonlyArray<Continuation.After<typeof Work>> => {
  const options = (name: string) => ({
    payload: { name },
    delivery: choice.pick(["atLeastOnce", "atMostOnce"] as const),
    followedBy: depth === 0 ? [] : follow(choice, depth - 1)
  })
  return [
    ...choice.chance(0.5) ? [Continuation.onSuccess(Work, options("then"))] : [],
    ...choice.chance(0.5) ? [Continuation.onFailure(Work, options("else"))] : [],
    ...choice.chance(0.5) ? [Continuation.onEnd(Work, options("finally"))] : []
  ]
}

export const simulate = Effect.fnUntraced(function*({ broken = (store) => store, minutes, seed }: Options) {
  const choices = random(seed)
  const { any, enumerate } = triggers()
  const checker = new Checker(enumerate)
  const steps: Array<string> = []
  const clock = yield* Clock.Clock
  const see = (happening: Happening): void => {
    const at = clock.currentTimeMillisUnsafe()
    steps.push(`${at} ${describe(happening)}`)
    checker.see(happening, at)
  }
  const memory = yield* MemoryJobStore.make({ runs: 1_000_000, verdicts: 1_000_000 })
  const shared = { ...memory, capabilities: { ...memory.capabilities, shared: true, durability: "process" as const } }
  const store = recorded(broken(shared), see)

  const nodes: Array<Node> = []
  const closing: Array<{ readonly node: Node; readonly fiber: Fiber.Fiber<unknown> }> = []
  const calls: Array<{ readonly what: string; readonly node: string; readonly fiber: Fiber.Fiber<unknown> }> = []
  let count = 0

  const handlerOf = (node: () => Node) =>
    Effect.fnUntraced(function*({ name }: { readonly name: string }) {
      const { attempt: n, fence, id, job } = yield* Run.CurrentRun
      const { link, name: nodeName, scheduler } = node()
      const attempt = { node: nodeName, run: id, fence, job, attempt: n }
      const mood = random(`${seed}/mood/${id}/${n}`)
      const tell = (_tag: "started" | "ended") => Effect.sync(() => link.dead || see({ _tag, attempt }))
      const body = Effect.gen(function*() {
        if (mood.chance(0.8)) yield* Effect.sleep(mood.int(1, mood.chance(0.4) ? 45_000 : 5_000))
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
    const layer = Scheduler.layer({ ...times, tasks: [Work, Retried] }).pipe(
      Layer.provide([Work.toLayer(handler), Retried.toLayer(handler)]),
      Layer.provide([Layer.succeed(Executor.Executor, executor), Layer.succeed(JobStore.JobStore, here.store)])
    )
    const context = yield* Layer.buildWithScope(layer, scope)
    const scheduler = yield* Effect.provideContext(Scheduler.Scheduler, context)
    const node: Node = { name: scheduler.node, scheduler, link: here, scope, free }
    nodes.push(node)
    see({ _tag: "healthy", node: node.name, since: clock.currentTimeMillisUnsafe() })
  })

  const stop = Effect.fnUntraced(function*(node: Node) {
    nodes.splice(nodes.indexOf(node), 1)
    // Detached: a failing seed ends at once, whatever it leaves open.
    const fiber = yield* Effect.forkDetach(Scope.close(node.scope, Exit.void), { startImmediately: true })
    closing.push({ node, fiber })
  })

  const crash = (node: Node) => {
    node.link.dead = true
    see({ _tag: "crashed", node: node.name })
    return stop(node)
  }

  const weather = (node: Node, state: Partial<Pick<Link, "cut" | "flaky">>) => {
    Object.assign(node.link, state)
    const well = !node.link.cut && !node.link.flaky
    see({ _tag: "healthy", node: node.name, since: well ? clock.currentTimeMillisUnsafe() : undefined })
  }

  /** A caller that removes a job, and tells when it has come back. */
  const remove = Effect.fnUntraced(function*(node: Node, id: string, own: string | undefined) {
    const by = `caller ${++count}`
    const timeout = choices.chance(0.2) ? choices.int(1_000, 30_000) : undefined
    const exit = yield* Effect.exit(node.scheduler.remove(id, { by, timeout }))
    if (Exit.isSuccess(exit) && !node.link.dead) see({ _tag: "removed", by, own, abandoned: exit.value.abandoned })
  })

  const call = Effect.fnUntraced(function*(node: Node, what: string, verb: Effect.Effect<unknown, unknown>) {
    steps.push(`${clock.currentTimeMillisUnsafe()} ${node.name} ${what}`)
    calls.push({ what, node: node.name, fiber: yield* Effect.forkChild(Effect.exit(verb), { startImmediately: true }) })
  })

  const anything = Effect.gen(function*() {
    const node = choices.pick(nodes)
    const { scheduler } = node
    const id = `job${choices.int(1, 5)}`
    const now = clock.currentTimeMillisUnsafe()
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

  for (let n = choices.int(2, 4); n > 0; n--) yield* start
  const end = clock.currentTimeMillisUnsafe() + minutes * 60_000
  while (clock.currentTimeMillisUnsafe() < end && checker.violations.length === 0) {
    yield* anything
    yield* TestClock.adjust(choices.int(1, choices.chance(0.3) ? 40_000 : 5_000))
    checker.check(clock.currentTimeMillisUnsafe())
  }

  // All becomes well, and quiet.
  if (checker.violations.length === 0) {
    yield* start
    for (const { node } of closing) if (!node.link.dead) weather(node, { cut: false, flaky: false })
    for (const node of nodes) {
      weather(node, { cut: false, flaky: false })
      yield* node.scheduler.resumeNode
    }
    yield* TestClock.adjust("2 minutes")
    const { scheduler } = nodes[nodes.length - 1]!
    for (const { id } of yield* memory.jobs({ limit: 100 })) {
      yield* Effect.ignore(scheduler.resume(id, { catchUp: choices.chance(0.5) }))
    }
    yield* TestClock.adjust("1 minute")
    for (const { id } of yield* memory.jobs({ limit: 100 })) yield* Effect.ignore(scheduler.pause(id))
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
    checker.finish(yield* memory.runs({ limit: 1_000_000 }), jobs, verdicts.flat(), at)
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
  return { violations, steps, seen: checker.seen } satisfies Report as Report
}, (effect, { seed }) => EffectRandom.withSeed(effect, seed))
