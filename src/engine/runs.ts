/**
 * Asking for runs.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { limitsOf } from "../decisions/limits.ts"
import type * as JobStore from "../JobStore.ts"
import type * as Policy from "../Policy.ts"
import { type InvalidOption, StoreError } from "../SchedulerError.ts"
import type * as Task from "../Task.ts"
import { ofRun } from "./announce.ts"
import { encodePayload } from "./codecs.ts"
import { onceCommitted } from "./committed.ts"
import { type Core, laneOf, now, wakeWorkers } from "./core.ts"
import type { Defaults } from "./defaults.ts"
import { checkId, type Definition, policyOf } from "./definition.ts"
import { timed, type Timing } from "./enqueuing.ts"
import { freshIds } from "./freshId.ts"

/** An ad-hoc run as a caller asks for it, untyped. */
export interface Request extends Policy.Options, Timing {
  readonly payload?: unknown
  readonly followedBy?: Definition["followedBy"]
}

interface Asked {
  readonly run: JobStore.NewRun
  readonly replaces: boolean
  readonly hasRate: boolean
  /** The id of the run that stands for the request: its own, unless the store knows another one that does. */
  id: string
}

const ask = (
  defaults: Defaults,
  task: Task.Any,
  request: Request,
  at: number,
  fresh: () => string
): Exit.Exit<Asked, InvalidOption> => {
  const chosen = policyOf(defaults, task, request)
  if (Exit.isFailure(chosen)) return Exit.failCause(chosen.cause)
  const payload = encodePayload(task, request.payload)
  if (Exit.isFailure(payload)) return Exit.failCause(payload.cause)
  const { policy, text } = chosen.value
  const timing = timed(task.name, policy.key, request, at)
  if (Exit.isFailure(timing)) return Exit.failCause(timing.cause)
  const { planned, readyAt, replaces, retention = 0, uniqueKey, uniqueWhile } = timing.value
  const named = request.id === undefined ? Exit.succeed(timing.value.id ?? fresh()) : checkId(request.id)
  if (Exit.isFailure(named)) return Exit.failCause(named.cause)
  const id = named.value
  const run: JobStore.NewRun = {
    id,
    job: null,
    incarnation: null,
    nominal: null,
    planned,
    readyAt,
    uniqueKey,
    uniqueWhile,
    origin: "adhoc",
    task: task.name,
    taskVersion: task.version,
    lane: laneOf(task),
    payload: payload.value,
    policy: text,
    boost: policy.priority,
    serial: null,
    limits: limitsOf(task.name, policy),
    retention: Math.max(policy.retention, retention),
    atMostOnce: policy.delivery === "atMostOnce",
    trace: null,
    created: at
  }
  return Exit.succeed({ run, replaces, hasRate: policy.rate !== null, id })
}

/**
 * Queues ad-hoc runs, all or none of them but those that are debounced, which come after the others; asking again under an id that exists
 * changes nothing. Answers with the ids of the runs that stand for the requests.
 */
export const enqueueAll = Effect.fnUntraced(function*(
  core: Core,
  task: Task.Any,
  requests: ReadonlyArray<Request>
): Effect.fn.Return<ReadonlyArray<string>, InvalidOption | StoreError> {
  const at = yield* now
  const fresh = yield* freshIds
  const all: Array<Asked> = []
  for (const request of requests) all.push(yield* ask(core.defaults, task, request, at, fresh))
  const added: Array<JobStore.NewRun> = []
  for (const replace of [false, true]) {
    const asked = all.filter(({ replaces }) => replaces === replace)
    if (asked.length === 0) continue
    const runs = asked.map(({ run }) => run)
    const answers = yield* all.length === 1 && !replace
      ? addOne(core, task, asked[0]!, at)
      : core.store.enqueue({ runs, now: at, ...replace ? { replace } : {} })
    for (let i = 0; i < asked.length; i++) {
      const one = asked[i]!
      if (answers[i] === "claimed") return [one.id]
      const isKnown = answers[i] === "added" || one.run.uniqueKey === null
      if (!isKnown) one.id = yield* standIn(core, one.run, replace, at)
      if (answers[i] === "added" || (!isKnown && one.id === one.run.id)) added.push(one.run)
    }
  }
  yield* onceCommitted(core, () => {
    wakeWorkers(core)
    if (!core.events.heard()) return
    for (const run of added) core.events.publish(at, { _tag: "RunQueued", ...ofRun(run) })
  })
  return all.map(({ id }) => id)
})

/** One that could start at once is claimed as it arrives, if there is a slot for it and nobody before it. A rate has its say after a claim. */
const addOne = (
  core: Core,
  task: Task.Any,
  { hasRate, run }: Asked,
  at: number
): ReturnType<JobStore.Service["enqueue"]> => {
  const add = Effect.suspend(() => core.store.enqueue({ runs: [run], now: at }))
  const isServed = core.served.get(task.name)?.task.executor === task.executor
  const arrive = isServed ? core.arrivals.get(task.executor) : undefined
  if (arrive === undefined || run.readyAt !== null || run.limits.length > 0 || hasRate) return add
  return Effect.flatMap(core.store.transaction, (open) =>
    open !== undefined ? add : Effect.flatMap(
      arrive(run, at),
      (arrival) => arrival === undefined ? add : Effect.succeed([arrival])
    ))
}

/** The run that has the unique key. If it has given it up since, there is room for this one. */
const standIn = Effect.fnUntraced(function*(
  core: Core,
  run: JobStore.NewRun,
  replace: boolean,
  at: number
): Effect.fn.Return<string, StoreError> {
  for (let n = 0; n < looks; n++) {
    const [holder] = yield* core.store.runs({ uniqueKey: run.uniqueKey!, limit: 1 })
    if (holder !== undefined) return holder.id
    const [answer] = yield* core.store.enqueue({ runs: [run], now: at, ...replace ? { replace } : {} })
    if (answer === "added") return run.id
  }
  const message = `another run has the unique key ${run.uniqueKey}, and this transaction cannot see it`
  return yield* new StoreError({ verb: "enqueue", retryable: true, message })
})

/**
 * A run may come and go between two looks, but not so often. In a transaction of the caller's that only sees what was when it began, one that came
 * since is never seen.
 */
const looks = 100

export const enqueue = (
  core: Core,
  task: Task.Any,
  request: Request
): Effect.Effect<string, InvalidOption | StoreError> => Effect.map(enqueueAll(core, task, [request]), ([id]) => id!)
