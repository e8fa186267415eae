/**
 * Stage three: runs are enqueued and claimed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { passable } from "../versions.ts"
import { type Database, script, Texts, type Verbs } from "./Database.ts"
import { places, placesAdding, placesLettingIn } from "./places.ts"
import { decodeAll, decodeRun, encodeRun } from "./rows.ts"

const enqueue = script(
  placesAdding,
  `
local now, answers = request.now, {}

-- takes a run out that was never claimed
local function withdraw(id, run)
  leave(id, run)
  vacate(id, run)
  leaveFamily(id, run)
  giveUpKey(id, run)
  call('ZREM', going, id)
  if run.job then call('ZREM', goingOf(run.job), id) end
  call('HDEL', heads, id)
end

local function put(run)
  local holder = request.replace and run.uniqueKey and call('HGET', unique, run.uniqueKey)
  local other = holder and load(holder)
  if not other then return add(run, now) and 'added' or 'duplicate' end
  if call('HEXISTS', heads, run.id) == 1 or other.fence > 0 then return 'duplicate' end
  withdraw(holder, other)
  run.id = holder
  add(run, now)
  promote(now)
  return 'replaced'
end

for n, run in ipairs(request.runs) do answers[n] = put(run) end
tell()
return answers
`
)

const revive = script(
  placesLettingIn,
  `
local answers = {}
for n, id in ipairs(request.runs) do
  local run = load(id)
  if not run then
    answers[n] = 'gone'
  elseif run.state ~= 'done' then
    answers[n] = 'going'
  elseif run.uniqueKey and call('HSETNX', unique, run.uniqueKey, id) == 0 then
    answers[n] = 'duplicate'
  else
    call('ZREM', history, id)
    call('ZREM', expiry, id)
    if run.job then call('ZREM', historyOf(run.job), id) end
    for _, field in ipairs({ 'readyAt', 'cancel', 'claimed', 'started', 'finished', 'outcome', 'result', 'expiresAt' }) do
      run[field] = nil
    end
    run.attempt, run.attempts = 0, '[]'
    letIn(id, run, request.now)
    answers[n] = 'revived'
  end
end
tell()
return answers
`
)

const claim = script(
  places,
  `
local node, limit, now = request.node, request.limit, request.now

-- not more of them at once than others can wait for; the rest is found in the reply's first field to be overdue
for _, id in ipairs(call('ZRANGEBYSCORE', waiting, '-inf', now, 'LIMIT', 0, 1000)) do
  local run = load(id)
  leave(id, run)
  admit(id, run, now, run.readyAt)
end

-- the first run of a lane that is not newer than what is claimed; the newer ones before it stay where they are
local passed = {}
local function frontOf(lane)
  local newest, at = request.upTo and request.upTo[lane], passed[lane] or 0
  while at <= request.passable do
    local first = call('ZRANGE', ready(lane), at, at, 'WITHSCORES')
    if not first[1] then return nil end
    if not newest or (load(first[1]).taskVersion or 1) <= newest then
      return { id = first[1], at = tonumber(first[2]), lane = lane }
    end
    at = at + 1
    passed[lane] = at
  end
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
  if run.uniqueWhile then giveUpKey(id, run) end
  run.state, run.fence, run.node, run.claimed = 'running', run.fence + 1, node, now
  enter(id, run)
  ids[#ids + 1] = id
  fronts[first] = frontOf(fronts[first].lane)
end

local next = limit <= 0 and isWork and digits(now) or call('ZRANGE', waiting, 0, 0, 'WITHSCORES')[2]
return show(ids, { next or false })
`
)

export const make = (db: Database): Verbs<"enqueue" | "revive" | "claim"> => ({
  enqueue: ({ now, replace, runs }) => {
    if (runs.length === 0) return Effect.succeed([])
    const texts = new Texts()
    const request = { now, replace, runs: runs.map((run) => encodeRun(run, texts)) }
    return Effect.map(
      db.run("enqueue", enqueue, request, texts),
      (reply) => reply as ReadonlyArray<"added" | "replaced" | "duplicate">
    )
  },

  revive: ({ now, runs }) =>
    runs.length === 0 ? Effect.succeed([]) : Effect.map(
      db.run("revive", revive, { now, runs }),
      (reply) => reply as ReadonlyArray<"revived" | "going" | "gone" | "duplicate">
    ),

  claim: ({ lanes, limit, node, now, upTo }) => {
    const request = {
      node,
      limit,
      now,
      lanes: Array.from(new Set(lanes)),
      upTo: upTo === undefined ? undefined : Object.fromEntries(upTo),
      passable
    }
    return Effect.map(db.run("claim", claim, request), (reply) => ({
      runs: decodeAll(reply, 1, decodeRun),
      next: reply[0] === null ? null : Number(reply[0])
    }))
  }
})
