/**
 * Hears what all nodes of the namespace do, for as long as the store is open.
 *
 * Redis forgets a message as soon as it was sent, and a client may reconnect without a word. So what was missed is noticed by the numbers:
 * when one is left out, and, where nothing follows, when the number of the last message stays ahead of what was heard. Then a node is
 * told to look at everything.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redis from "effect/persistence/Redis"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { Signal } from "../../JobStore.ts"
import { channelOf, countOf, type Message } from "./hints.ts"

/** How often the number of the last message is compared with what was heard. */
const watch = Duration.seconds(2)
const [shortest, longest] = [100, 5_000]

/** Subscribes before it returns; the fibers that listen belong to the scope. */
export const make = Effect.fnUntraced(function*(
  redis: Redis.Redis["Service"],
  tag: string
): Effect.fn.Return<PubSub.PubSub<Signal>, never, Scope.Scope> {
  const hub = yield* PubSub.sliding<Signal>({ capacity: 1024 })
  const subscribed = yield* Deferred.make<void>()
  /** The number of the last message that was heard. */
  let heard = 0
  let failures = 0

  const publish = (signal: Signal): void => {
    if (PubSub.publishUnsafe(hub, signal)) return
    // publishUnsafe leaves a full buffer as it is; the oldest hint is the one to lose
    hub.pubsub.slide()
    PubSub.publishUnsafe(hub, signal)
  }
  const lookAtEverything = (): void => {
    publish({ _tag: "jobs" })
    publish({ _tag: "ready" })
  }

  /** What arrived together is told together: however many nodes are busy, a listener wakes once. */
  const hear = (messages: ReadonlyArray<Redis.RedisMessage>): void => {
    let jobs = false
    let ready = false
    const cancel: Array<string> = []
    const settled: Array<string> = []
    for (const { message } of messages) {
      const heardNow = JSON.parse(message) as Message
      const isGap = heardNow.n > heard + 1
      heard = heardNow.n
      jobs ||= isGap || heardNow.jobs === true
      ready ||= isGap || heardNow.ready === true
      if (heardNow.cancel !== undefined) cancel.push(...heardNow.cancel)
      if (heardNow.settled !== undefined) settled.push(...heardNow.settled)
    }
    if (jobs) publish({ _tag: "jobs" })
    if (cancel.length > 0) publish({ _tag: "cancel", runs: cancel })
    if (settled.length > 0) publish({ _tag: "settled", runs: settled })
    if (ready) publish({ _tag: "ready" })
  }

  const told = Effect.map(redis.send<string | null>("GET", countOf(tag)), Number)

  const listen = Effect.scoped(Effect.gen(function*() {
    const messages = yield* redis.subscribe(channelOf(tag))
    const isFirst = yield* Deferred.succeed(subscribed, undefined)
    heard = yield* told
    failures = 0
    if (!isFirst) lookAtEverything()
    while (true) hear(yield* Queue.takeAll(messages))
  }))

  yield* listen.pipe(
    Effect.catchCause((cause) => {
      const delay = Math.min(longest, shortest * 2 ** failures++)
      return Effect.andThen(
        Effect.logDebug(`The job store listens again in ${delay} ms`, cause),
        Effect.sleep(delay)
      )
    }),
    Effect.forever,
    Effect.forkScoped
  )

  let due = 0
  yield* told.pipe(
    Effect.map((number) => {
      // what had been told at the last look, and is still not heard, is lost
      if (due > heard) {
        heard = due
        lookAtEverything()
      }
      due = number
    }),
    Effect.ignore,
    Effect.delay(watch),
    Effect.forever,
    Effect.forkScoped
  )

  yield* Deferred.await(subscribed)
  return hub
})
