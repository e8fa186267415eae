/**
 * The scheduler's event bus: lossy by design (a slow subscriber loses the oldest), free while nobody listens.
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { SchedulerEvent } from "../SchedulerEvent.ts"

type Without<E, Key extends string> = E extends SchedulerEvent ? Omit<E, Key> : never

export interface EventHub {
  /** Whether anybody listens: ask before making an event. */
  readonly heard: () => boolean
  readonly publish: (now: number, event: Without<SchedulerEvent, "at">) => void
  readonly stream: Stream.Stream<SchedulerEvent>
}

/** The bus as the engine of one store has it, whose events all say which store it is. */
export interface StoreEvents extends Pick<EventHub, "heard"> {
  readonly publish: (now: number, event: Without<SchedulerEvent, "at" | "store">) => void
}

export const ofStore = (hub: EventHub, store: string): StoreEvents => ({
  heard: hub.heard,
  publish: (now, event) => {
    if (hub.heard()) hub.publish(now, { ...event, store } as Without<SchedulerEvent, "at">)
  }
})

const capacity = 16_384

export const make: Effect.Effect<EventHub, never, Scope.Scope> = Effect.gen(function*() {
  const bus = yield* Effect.acquireRelease(
    PubSub.sliding<SchedulerEvent>({ capacity }),
    (bus) =>
      Effect.flatMap(
        Clock.currentTimeMillis,
        (now) => PubSub.end(bus, { _tag: "SchedulerStopped", at: DateTime.makeUnsafe(now) })
      )
  )
  let listeners = 0
  const subscription = Effect.acquireRelease(
    Effect.tap(PubSub.subscribe(bus), () => Effect.sync(() => listeners++)),
    () => Effect.sync(() => listeners--)
  )
  return {
    heard: () => listeners > 0,
    publish: (now, event) => {
      if (listeners === 0) return
      const told = { ...event, at: DateTime.makeUnsafe(now) } as SchedulerEvent
      if (PubSub.publishUnsafe(bus, told)) return
      // publishUnsafe leaves a full buffer as it is; the oldest event is the one to lose
      bus.pubsub.slide()
      PubSub.publishUnsafe(bus, told)
    },
    // An ended PubSub repeats its last message for ever.
    stream: Stream.unwrap(Effect.map(subscription, Stream.fromSubscription)).pipe(
      Stream.takeUntil((event) => event._tag === "SchedulerStopped")
    )
  }
})
