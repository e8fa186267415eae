/**
 * What a store looks at before its first verb: whether it knows the layout of what lies there, and what Redis does to keep it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Redis from "effect/persistence/Redis"
import type { Capabilities } from "../../JobStore.ts"
import { StoreError } from "../../SchedulerError.ts"
import { type Database, script } from "./Database.ts"

/** Grows with every change of the layout. */
const version = 2

const lookAtVersion = script(`
local found = call('GET', tag .. ':schema')
-- an older layout has nothing that this one does not read: only from now on older versions would read it wrongly
if not found or tonumber(found) < request.version then
  call('SET', tag .. ':schema', request.version)
  found = request.version
end
return { found }
`)

/** Refuses what a newer version has written, and writes nothing then. */
export const checkVersion = Effect.fnUntraced(function*(db: Database): Effect.fn.Return<void, StoreError> {
  const [found] = yield* db.run("open", lookAtVersion, { version })
  if (Number(found) <= version) return
  return yield* new StoreError({
    verb: "open",
    retryable: false,
    message:
      `The keys ${db.tag} have layout version ${found}, written by a newer effect-scheduler; this one knows them ` +
      `up to version ${version}. Nothing was changed; start a version of effect-scheduler that knows version ${found}`
  })
})

type Setting = ReadonlyArray<string> | ReadonlyMap<string, string> | Readonly<Record<string, string>>

/** A pair, or a map where the client speaks the newer protocol. */
const valueOf = (name: string, setting: Setting): string | undefined =>
  Array.isArray(setting)
    ? setting[1]
    : setting instanceof Map
    ? setting.get(name)
    : (setting as Readonly<Record<string, string>>)[name]

/** What the server says of itself; `none` where it must not be asked, because then nothing is known. */
export const durability = (redis: Redis.Redis["Service"]): Effect.Effect<Capabilities["durability"]> =>
  Effect.gen(function*() {
    const ask = (name: string) =>
      Effect.map(redis.send<Setting>("CONFIG", "GET", name), (setting) => valueOf(name, setting))
    if ((yield* ask("appendonly")) !== "yes") return "none"
    return (yield* ask("appendfsync")) === "always" ? "power" : "process"
  }).pipe(Effect.orElseSucceed(() => "none" as const))
