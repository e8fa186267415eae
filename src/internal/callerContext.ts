/**
 * What of a caller's context may go along with work that outlives the call, and what may not.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { CurrentRun } from "../Run.ts"

/** The caller's context without its scope, span, run and open transactions, all of which end before the work does. */
export const captured = <R>(): Effect.Effect<Context.Context<R>, never, R> =>
  Effect.map(Effect.context<R>(), (context) => {
    const services = new Map(context.mapUnsafe)
    for (const key of [Scope.Scope.key, Tracer.ParentSpan.key, CurrentRun.key]) services.delete(key)
    for (const key of services.keys()) {
      if (key.startsWith("effect/sql/") && key.toLowerCase().includes("transaction")) services.delete(key)
    }
    return Context.makeUnsafe<R>(services)
  })
