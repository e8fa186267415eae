/**
 * Asking for runs.
 */
import * as Effect from "effect/Effect"
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
import { freshId } from "./freshId.ts"

/** An ad-hoc run as a caller asks for it, untyped. */
export interface Request extends Policy.Options, Timing {
  readonly payload?: unknown
  readonly followedBy?: Definition["followedBy"]
}

interface Asked {
  readonly run: JobStore.NewRun
  readonly replaces: boolean
}

const newRun = Effect.fnUntraced(function*(
  defaults: Defaults,
  task: Task.Any,
  request: Request,
  at: number
): Effect.fn.Return<Asked, InvalidOption> {
  const { policy, text } = yield* policyOf(defaults, task, request)
  const payload = yield* encodePayload(task, request.payload)
  const { id, replaces, retention = 0, ...timing } = yield* timed(task.name, policy.key, request, at)
  const run: JobStore.NewRun = {
    id: request.id === undefined ? id ?? (yield* freshId) : yield* checkId(request.id),
    job: null,
    incarnation: null,
    nominal: null,
    ...timing,
    origin: "adhoc",
    task: task.name,
    taskVersion: task.version,
    lane: laneOf(task),
    payload,
    policy: text,
    boost: policy.priority,
    serial: null,
    limits: limitsOf(task.name, policy),
    retention: Math.max(policy.retention, retention),
    atMostOnce: policy.delivery === "atMostOnce",
    trace: null,
    created: at
  }
  return { run, replaces }
})

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
  const asked: Array<Asked> = []
  for (const request of requests) asked.push(yield* newRun(core.defaults, task, request, at))
  const ids = new Map<JobStore.NewRun, string>()
  const added: Array<JobStore.NewRun> = []
  for (const replace of [false, true]) {
    const runs = asked.filter(({ replaces }) => replaces === replace).map(({ run }) => run)
    if (runs.length === 0) continue
    const answers = yield* core.store.enqueue({ runs, now: at, ...replace ? { replace } : {} })
    for (const [i, run] of runs.entries()) {
      const isKnown = answers[i] === "added" || run.uniqueKey === null
      const id = isKnown ? run.id : yield* standIn(core, run, replace, at)
      ids.set(run, id)
      if (answers[i] === "added" || (!isKnown && id === run.id)) added.push(run)
    }
  }
  yield* onceCommitted(core, () => {
    wakeWorkers(core)
    if (!core.events.heard()) return
    for (const run of added) core.events.publish(at, { _tag: "RunQueued", ...ofRun(run) })
  })
  return asked.map(({ run }) => ids.get(run)!)
})

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
