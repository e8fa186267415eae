/** A network between a client and a server that falls silent when it is told: nothing arrives any more, and no connection is closed. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"

export interface Network {
  readonly port: number
  /** From now on nothing arrives, on the connections that there are and, unless they are spared, on new ones. */
  readonly silence: (options?: { readonly spareNew?: boolean }) => void
  /** The same for those connections alone on which the client has said the text when it began. */
  readonly silenceThose: (text: string) => void
  /**
   * The same from the moment that a message of the client's holds the text. With `answer` it reaches the server, and what the server says to it is
   * lost; else it is lost itself.
   */
  readonly silenceAt: (text: string, options: { readonly lost: "call" | "answer"; readonly spareNew?: boolean }) => void
  /** Whether it has fallen silent. */
  readonly isSilent: () => boolean
  /** What was on the way arrives after all. */
  readonly resume: () => void
  /** The silent connections are closed, on both sides; new ones are let through. */
  readonly drop: () => void
}

interface Flow {
  readonly sockets: readonly [near: Socket, far: Socket]
  /** How the client began. */
  said: string
  isSilent: boolean
}

/** So much of what a client says is remembered. */
const beginning = 4_096

interface Watch {
  readonly text: string
  readonly lost: "call" | "answer"
  readonly spareNew: boolean
}

export const make = (server: {
  readonly host: string
  readonly port: number
}): Effect.Effect<Network, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<State>((resume) => {
        const state = new State(server)
        state.server.listen(0, "127.0.0.1", () => resume(Effect.succeed(state)))
      }),
      (state) => Effect.sync(() => state.close())
    ),
    (state): Network => ({
      port: (state.server.address() as AddressInfo).port,
      silence: ({ spareNew = false } = {}) => state.silence(spareNew),
      silenceThose: (text) => state.silence(true, ({ said }) => said.includes(text)),
      silenceAt: (text, { lost, spareNew = false }) => {
        state.watch = { text, lost, spareNew }
      },
      isSilent: () => state.hasBeenSilent,
      resume: () => {
        state.takesIn = true
        for (const flow of state.flows) state.let(flow, true)
      },
      drop: () => {
        state.takesIn = true
        for (const flow of state.flows) if (flow.isSilent) state.end(flow)
      }
    })
  )

class State {
  readonly flows = new Set<Flow>()
  watch: Watch | undefined
  takesIn = true
  hasBeenSilent = false
  readonly server
  constructor(address: { readonly host: string; readonly port: number }) {
    this.server = createServer((near) => {
      const far = connect(address)
      const flow: Flow = { sockets: [near, far], said: "", isSilent: false }
      this.flows.add(flow)
      if (!this.takesIn) this.let(flow, false)
      near.on("data", (data: Buffer) => {
        if (flow.said.length < beginning) flow.said += data.toString("latin1")
        const { watch } = this
        if (watch === undefined || !data.includes(watch.text)) return far.write(data)
        this.watch = undefined
        this.silence(watch.spareNew)
        if (watch.lost === "answer") far.write(data)
        // it is said again when the silence is over
        else near.unshift(data)
      })
      far.on("data", (data) => near.write(data))
      // that a connection was closed is a message too
      const end = () => flow.isSilent ? undefined : this.end(flow)
      for (const socket of flow.sockets) socket.setNoDelay(true).on("error", end).on("close", end)
    })
  }

  end(flow: Flow) {
    this.flows.delete(flow)
    for (const socket of flow.sockets) socket.destroy()
  }

  /** A socket that is not read keeps what it is sent, and notices nothing. */
  let(flow: Flow, passes: boolean) {
    flow.isSilent = !passes
    for (const socket of flow.sockets) {
      if (!passes) socket.pause()
      else if (socket.destroyed) this.end(flow)
      else socket.resume()
    }
  }

  silence(spareNew: boolean, isMeant: (flow: Flow) => boolean = () => true) {
    this.hasBeenSilent = true
    this.takesIn = spareNew
    for (const flow of this.flows) if (isMeant(flow)) this.let(flow, false)
  }

  close() {
    this.server.close()
    for (const flow of this.flows) this.end(flow)
  }
}
