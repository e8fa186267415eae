/** A network between a client and the server of the tests that loses what it is told to lose. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { url } from "./server.ts"

/** Which message of the client's is lost, counted from 0: it, or the reply to it. */
export interface Cut {
  readonly message: number
  readonly lost: "message" | "reply"
}

export interface Proxy {
  /** The address of a database through this network. */
  readonly url: (database: string) => Redacted.Redacted
  /** Messages are counted from now on. */
  readonly cutAt: (cut: Cut) => void
  /** Whether something was lost. */
  readonly hasCut: () => boolean
}

export const make = (): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<State>((resume) => {
        const state = new State()
        state.server.listen(0, "127.0.0.1", () => resume(Effect.succeed(state)))
      }),
      (state) => Effect.sync(() => state.close())
    ),
    (state) => ({
      url: (database) => {
        const there = new URL(Redacted.value(url(database)))
        there.hostname = "127.0.0.1"
        there.port = String((state.server.address() as AddressInfo).port)
        return Redacted.make(there.href)
      },
      cutAt: (cut) => {
        state.messages = 0
        state.hasCut = false
        state.cut = cut
      },
      hasCut: () => state.hasCut
    })
  )

class State {
  messages = 0
  hasCut = false
  cut: Cut | undefined
  readonly sockets = new Set<Socket>()
  readonly server = createServer((near) => {
    const { hostname, port } = new URL(Redacted.value(url()))
    const far = connect({ host: hostname, port: Number(port || 3306) })
    let losesReply = false
    const end = () => {
      near.destroy()
      far.destroy()
    }
    const lose = () => {
      this.cut = undefined
      this.hasCut = true
      end()
    }
    near.on("data", (data) => {
      const isMeant = this.cut !== undefined && this.messages++ === this.cut.message
      if (isMeant && this.cut?.lost === "message") return lose()
      losesReply = isMeant
      far.write(data)
    })
    far.on("data", (data) => losesReply ? lose() : near.write(data))
    for (const socket of [near, far]) {
      this.sockets.add(socket)
      socket.setNoDelay(true)
      socket.on("error", end).on("close", () => {
        this.sockets.delete(socket)
        end()
      })
    }
  })

  close() {
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
  }
}
