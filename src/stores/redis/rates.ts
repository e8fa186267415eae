/**
 * The buckets of rates: of all nodes, in one sorted set `rates`, by the microsecond from which they are full.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Granted } from "../../JobStore.ts"
import { scale } from "../rates.ts"
import { type Database, script, type Verbs } from "./Database.ts"
import { looking } from "./places.ts"

// in step with the stores' `draw`
const take = script(
  looking,
  `
local now, reply = request.now, {}
local at = now * ${scale}
for _, want in ipairs(request.wants) do
  local each = math.ceil(want.interval * ${scale})
  local full = math.max(tonumber(call('ZSCORE', rates, want.key)) or at, at)
  local granted = math.max(0, math.min(want.n, math.floor((at - full) / each) + want.burst))
  local after = full + granted * each
  if granted > 0 then call('ZADD', rates, digits(after), want.key) end
  reply[#reply + 1] = granted
  reply[#reply + 1] = digits(math.max(now, math.ceil((after - (want.burst - 1) * each) / ${scale})))
end
return reply
`
)

export const make = (db: Database): Verbs<"take"> => ({
  take: (request) =>
    request.wants.length === 0 ? Effect.succeed([]) : Effect.map(
      db.run("take", take, request),
      (reply) =>
        request.wants.map((_, n): Granted => ({ granted: reply[2 * n] as number, next: Number(reply[2 * n + 1]) }))
    )
})
