/**
 * The scheduler's event hub. Each subscriber has a buffer of its own, holds only what its filter lets through, and when it is slow loses the
 * oldest and is told how many. Free while nobody listens.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type EventFilter, type Kind, matches, type Of, type SchedulerEvent } from "../SchedulerEvent.ts"

type Without<E, Key extends string> = E extends SchedulerEvent ? Omit<E, Key> : never

/** What is published: that some were lost is said by the hub itself. */
type Published = Exclude<SchedulerEvent, { readonly _tag: "EventsLost" }>

export interface EventHub {
  /** Whether anybody listens: ask before making an event. */
  readonly heard: () => boolean
  readonly publish: (now: number, event: Without<Published, "at">) => void
  /** What happens from the moment at which it is run; ends with `SchedulerStopped`. */
  readonly subscribe: <K extends Kind = Kind>(
    filter?: EventFilter<K>
  ) => Stream.Stream<Of<K> | Of<"EventsLost">>
}

/** The hub as the engine of one store has it, whose events all say which store it is. */
export interface StoreEvents extends Pick<EventHub, "heard"> {
  readonly publish: (now: number, event: Without<Published, "at" | "store">) => void
}

export const ofStore = (hub: EventHub, store: string): StoreEvents => ({
  heard: hub.heard,
  publish: (now, event) => {
    if (hub.heard()) hub.publish(now, { ...event, store } as Without<Published, "at">)
  }
})

/** How many events wait for a subscriber unless it says otherwise. */
const defaultBuffer = 16_384

class Subscriber {
  readonly #filter: EventFilter
  readonly #capacity: number
  readonly #wake = Latch.makeUnsafe(false)
  /** A queue: what lies before `#head` is taken or lost. */
  #events: Array<SchedulerEvent> = []
  #head = 0
  #lost = 0
  #lastLost: DateTime.Utc | undefined
  #hasEnded = false
  constructor(filter: EventFilter) {
    this.#filter = filter
    this.#capacity = Math.max(1, filter.buffer ?? defaultBuffer)
  }
  offer(event: SchedulerEvent): void {
    if (!matches(this.#filter, event)) return
    this.#events.push(event)
    if (this.#events.length - this.#head > this.#capacity) {
      this.#lost++
      this.#lastLost = this.#events[this.#head++]!.at
      // Now and then, so that dropping one costs nothing.
      if (this.#head > this.#capacity) {
        this.#events = this.#events.slice(this.#head)
        this.#head = 0
      }
    }
    this.#wake.openUnsafe()
  }
  end(): void {
    this.#hasEnded = true
    this.#wake.openUnsafe()
  }
  /** All that waits, behind how many were lost before it. */
  readonly take: Effect.Effect<readonly [SchedulerEvent, ...Array<SchedulerEvent>], Cause.Done<void>> = Effect.suspend(
    () => {
      const events = this.#head === 0 ? this.#events : this.#events.slice(this.#head)
      if (this.#lost > 0) events.unshift({ _tag: "EventsLost", at: this.#lastLost!, count: this.#lost })
      if (events.length === 0) {
        if (this.#hasEnded) return Cause.done()
        this.#wake.closeUnsafe()
        return Effect.andThen(this.#wake.await, this.take)
      }
      this.#events = []
      this.#head = 0
      this.#lost = 0
      return Effect.succeed(events as [SchedulerEvent, ...Array<SchedulerEvent>])
    }
  )
}

export const make: Effect.Effect<EventHub, never, Scope.Scope> = Effect.gen(function*() {
  const subscribers = new Set<Subscriber>()
  let hasEnded = false
  const publish: EventHub["publish"] = (now, event) => {
    if (subscribers.size === 0) return
    const told = { ...event, at: DateTime.makeUnsafe(now) } as SchedulerEvent
    for (const subscriber of subscribers) subscriber.offer(told)
  }
  yield* Effect.addFinalizer(() =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      publish(now, { _tag: "SchedulerStopped" })
      hasEnded = true
      for (const subscriber of subscribers) subscriber.end()
    })
  )
  const subscription = (filter: EventFilter) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const subscriber = new Subscriber(filter)
        if (hasEnded) subscriber.end()
        subscribers.add(subscriber)
        return subscriber
      }),
      (subscriber) => Effect.sync(() => subscribers.delete(subscriber))
    )
  return {
    heard: () => subscribers.size > 0,
    publish,
    subscribe: <K extends Kind>(filter: EventFilter<K> = {}) =>
      Stream.unwrap(
        Effect.map(subscription(filter), (subscriber) => Stream.fromPull(Effect.succeed(subscriber.take)))
      ) as Stream.Stream<Of<K> | Of<"EventsLost">> // which is what the filter lets through
  }
})
