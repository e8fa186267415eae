/**
 * Stage three: runs are enqueued and claimed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { type Database, script, Texts, type Verbs } from "./Database.ts"
import { order } from "./order.ts"
import { places, placesAdding } from "./places.ts"
import { decodeAll, decodeRun, encodeRun } from "./rows.ts"

const enqueue = script(
  placesAdding,
  `
local answers = {}
for n, run in ipairs(request.runs) do
  answers[n] = add(run, request.now) and 'added' or 'duplicate'
end
tell()
return answers
`
)

const claim = script(
  order,
  places,
  `
local node, limit, now = request.node, request.limit, request.now

-- not more of them at once than others can wait for; the rest is found in the reply's first field to be overdue
for _, id in ipairs(call('ZRANGEBYSCORE', waiting, '-inf', now, 'LIMIT', 0, 1000)) do
  local run = load(id)
  leave(id, run)
  queue(id, run, run.readyAt)
end

local function frontOf(lane)
  local first = call('ZRANGE', ready(lane), 0, 0, 'WITHSCORES')
  return first[1] and { id = first[1], at = tonumber(first[2]), lane = lane }
end
local fronts, isWork = {}, false
for n, lane in ipairs(request.lanes) do
  fronts[n] = frontOf(lane)
  isWork = isWork or fronts[n] ~= nil
end

local ids = {}
while #ids < limit do
  local first
  for n = 1, #request.lanes do
    local front = fronts[n]
    if front and (not first or front.at < fronts[first].at
      or (front.at == fronts[first].at and precedes(front.id, fronts[first].id))) then first = n end
  end
  if not first then break end
  local id = fronts[first].id
  local run = load(id)
  leave(id, run)
  run.state, run.fence, run.node, run.claimed = 'running', run.fence + 1, node, now
  enter(id, run)
  ids[#ids + 1] = id
  fronts[first] = frontOf(fronts[first].lane)
end

local next = limit <= 0 and isWork and digits(now) or call('ZRANGE', waiting, 0, 0, 'WITHSCORES')[2]
return show(ids, { next or false })
`
)

export const make = (db: Database): Verbs<"enqueue" | "claim"> => ({
  enqueue: ({ now, runs }) => {
    if (runs.length === 0) return Effect.succeed([])
    const texts = new Texts()
    const request = { now, runs: runs.map((run) => encodeRun(run, texts)) }
    return Effect.map(
      db.run("enqueue", enqueue, request, texts),
      (reply) => reply as ReadonlyArray<"added" | "duplicate">
    )
  },

  claim: ({ lanes, limit, node, now }) =>
    Effect.map(db.run("claim", claim, { node, limit, now, lanes: Array.from(new Set(lanes)) }), (reply) => ({
      runs: decodeAll(reply, 1, decodeRun),
      next: reply[0] === null ? null : Number(reply[0])
    }))
})
