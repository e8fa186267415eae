/**
 * Asking for runs.
 */
import * as Effect from "effect/Effect"
import type * as JobStore from "../JobStore.ts"
import type * as Policy from "../Policy.ts"
import type { InvalidOption, StoreError } from "../SchedulerError.ts"
import type * as Task from "../Task.ts"
import { ofRun } from "./announce.ts"
import { encodePayload } from "./codecs.ts"
import { type Core, laneOf, now, wakeWorkers } from "./core.ts"
import type { Defaults } from "./defaults.ts"
import { checkId, type Definition, policyOf } from "./definition.ts"
import { freshId } from "./freshId.ts"

/** An ad-hoc run as a caller asks for it, untyped. */
export interface Request extends Policy.Options {
  readonly id?: string | undefined
  readonly payload?: unknown
  readonly followedBy?: Definition["followedBy"]
}

const newRun = Effect.fnUntraced(function*(
  defaults: Defaults,
  task: Task.Any,
  request: Request,
  at: number
): Effect.fn.Return<JobStore.NewRun, InvalidOption> {
  const { policy, text } = yield* policyOf(defaults, task, request)
  const payload = yield* encodePayload(task, request.payload)
  const id = request.id === undefined ? yield* freshId : yield* checkId(request.id)
  return {
    id,
    job: null,
    incarnation: null,
    nominal: null,
    planned: at,
    origin: "adhoc",
    task: task.name,
    taskVersion: task.version,
    lane: laneOf(task),
    payload,
    policy: text,
    readyAt: null,
    boost: 0,
    serial: null,
    limits: [],
    retention: policy.retention,
    atMostOnce: policy.delivery === "atMostOnce",
    uniqueKey: null,
    uniqueWhile: "going",
    trace: null,
    created: at
  }
})

/** Queues ad-hoc runs, all or none of them; asking again under an id that exists changes nothing. Answers with their ids. */
export const enqueueAll = Effect.fnUntraced(function*(
  core: Core,
  task: Task.Any,
  requests: ReadonlyArray<Request>
): Effect.fn.Return<ReadonlyArray<string>, InvalidOption | StoreError> {
  const at = yield* now
  const runs: Array<JobStore.NewRun> = []
  for (const request of requests) runs.push(yield* newRun(core.defaults, task, request, at))
  const answers = yield* core.store.enqueue({ runs, now: at })
  wakeWorkers(core)
  if (core.events.heard()) {
    runs.forEach((run, i) => {
      if (answers[i] === "added") core.events.publish(at, { _tag: "RunQueued", ...ofRun(run) })
    })
  }
  return runs.map(({ id }) => id)
})

export const enqueue = (
  core: Core,
  task: Task.Any,
  request: Request
): Effect.Effect<string, InvalidOption | StoreError> => Effect.map(enqueueAll(core, task, [request]), ([id]) => id!)
