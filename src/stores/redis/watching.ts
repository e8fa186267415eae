/**
 * Keeps a connection of `node-redis` from waiting for ever: it sends one command behind the other, and a reply that does not come leaves all of
 * them unanswered, whoever gives up. So the server is asked every few seconds, and is connected to anew when it says nothing.
 *
 * @since 0.1.0
 */
import type { NodeRedis } from "@effect/platform-node/NodeRedis"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

const pause = Duration.seconds(5)
const patience = Duration.seconds(5)

/** What else the client is to be made with: connections on which little is said, as those that are made and those that listen, end by themselves. */
export const options = {
  pingInterval: Duration.toMillis(pause),
  socket: { socketTimeout: Duration.toMillis(pause) + Duration.toMillis(patience) }
}

export const watch = ({ client }: NodeRedis["Service"]): Effect.Effect<void, never, Scope.Scope> => {
  const asked = Effect.promise(() => client.ping().then(() => {}, () => {}))
  const ended = Effect.sync(() => client.destroy())
  /** What a command fails with while this goes on is the command's own business. */
  const connected = Effect.sync(() => void client.connect().catch(() => {}))
  const look = Effect.suspend(() =>
    client.isOpen
      ? Effect.timeoutOrElse(asked, { duration: patience, orElse: () => Effect.andThen(ended, connected) })
      : connected
  )
  // closing waits for all replies
  const farewell = Effect.timeoutOrElse(asked, { duration: patience, orElse: () => ended })
  const live = Effect.provideService(Clock.Clock, Clock.Clock.defaultValue())
  return Effect.andThen(
    Effect.addFinalizer(() => live(farewell)),
    Effect.forkScoped(live(Effect.forever(Effect.andThen(Effect.sleep(pause), look))))
  )
}
