/**
 * Lua: where runs are.
 *
 * A run stands in exactly one spot at a time, as its state says: in its lane's queue, among the waiting, among the blocked of its family
 * (its job's incarnation) or under a limit, with its node, or in the history. `enter` and `leave` are the only ways in and out.
 *
 * | key | holds |
 * | --- | --- |
 * | `runs`, `runs:body` | hashes: id → head, id → body |
 * | `ready:<lane>` | by `orderAt` |
 * | `waiting` | by `readyAt` |
 * | `blocked:<family>` | by `planned` |
 * | `place:<key>`, `queue:<key>` | what has a place under a limit; what waits for one, by rank |
 * | `held:<node>`, `holders` | sets: what a node holds; the nodes that hold something |
 * | `history`, `history:<job>`, `expiry` | by `finished`; by `expiresAt` |
 * | `going`, `going:<job>`, `family:<family>` | what is not done: in the order of ids; by `planned` |
 * | `unique` | hash: unique key → id of the run that is going |
 *
 * @since 0.1.0
 */
import { hints } from "./hints.ts"
import { order } from "./order.ts"

const keys = `
local heads, bodies, unique = tag .. ':runs', tag .. ':runs:body', tag .. ':unique'
local going, waiting, holders = tag .. ':going', tag .. ':waiting', tag .. ':holders'
local history, expiry, rates = tag .. ':history', tag .. ':expiry', tag .. ':rates'
local function ready(lane) return tag .. ':ready:' .. lane end
local function held(node) return tag .. ':held:' .. node end
local function goingOf(job) return tag .. ':going:' .. job end
local function historyOf(job) return tag .. ':history:' .. job end

-- the length keeps the two names apart, whatever they are made of; without both there is no family
local function familyOf(run)
  if run.job and run.incarnation then return #run.job .. ':' .. run.job .. ':' .. run.incarnation end
end
local function members(family) return tag .. ':family:' .. family end
local function blocked(family) return tag .. ':blocked:' .. family end
local function placesOf(key) return tag .. ':place:' .. key end
local function queueOf(key) return tag .. ':queue:' .. key end
`

const reading = `
local function load(id)
  local head = call('HGET', heads, id)
  return head and cjson.decode(head)
end

-- id, head and body of each run that there is, for the reply
local function show(ids, reply)
  for _, id in ipairs(ids) do
    local head = call('HGET', heads, id)
    if head then
      local n = #reply
      reply[n + 1], reply[n + 2], reply[n + 3] = id, head, call('HGET', bodies, id)
    end
  end
  return reply
end
`

const moving = `
local freed, vacated = {}, {}

local function save(id, run) call('HSET', heads, id, json(run)) end

local function enter(id, run)
  local state = run.state
  if state == 'ready' then
    call('ZADD', ready(run.lane), run.orderAt, id)
  elseif state == 'waiting' then
    call('ZADD', waiting, run.readyAt, id)
  elseif state == 'blocked' and run.rank then
    call('ZADD', queueOf(run.limits[run.places + 1].key), run.rank, id)
  elseif state == 'blocked' then
    call('ZADD', blocked(familyOf(run)), run.planned, id)
  elseif state == 'running' then
    call('SADD', held(run.node), id)
    call('SADD', holders, run.node)
  else
    call('ZADD', history, run.finished, id)
    call('ZADD', expiry, run.expiresAt, id)
    if run.job then call('ZADD', historyOf(run.job), run.finished, id) end
  end
  save(id, run)
end

local function leave(id, run)
  local state = run.state
  if state == 'ready' then
    call('ZREM', ready(run.lane), id)
    run.orderAt = nil
  elseif state == 'waiting' then
    call('ZREM', waiting, id)
  elseif state == 'blocked' and run.rank then
    call('ZREM', queueOf(run.limits[run.places + 1].key), id)
    run.rank = nil
  elseif state == 'blocked' then
    call('ZREM', blocked(familyOf(run)), id)
  elseif state == 'running' then
    call('SREM', held(run.node), id)
    if call('EXISTS', held(run.node)) == 0 then call('SREM', holders, run.node) end
    run.node = nil
  end
end

-- to its place in the queue, counted from an instant
local function queue(id, run, from)
  run.state, run.orderAt = 'ready', from - run.boost
  enter(id, run)
  hints.ready = true
end

-- takes its places from the next one on, in the order of keys, as far as there are any
local function takePlaces(id, run)
  run.places = run.places or 0
  for n = run.places + 1, #run.limits do
    local limit = run.limits[n]
    if call('SCARD', placesOf(limit.key)) >= limit.max then return false end
    call('SADD', placesOf(limit.key), id)
    run.places = n
  end
  return true
end

-- gives them back
local function vacate(id, run)
  if not run.limits then return end
  for n = 1, run.places or 0 do call('SREM', placesOf(run.limits[n].key), id) end
  run.places = nil
  vacated[#vacated + 1] = run.limits
end

-- past the gate of its family: to its place in the queue, unless its instant has not come, or a limit is full
local function admit(id, run, now, from)
  if run.readyAt and run.readyAt > now then
    run.state = 'waiting'
    enter(id, run)
  elseif run.limits and not takePlaces(id, run) then
    run.state, run.rank = 'blocked', from - run.boost
    enter(id, run)
  else
    queue(id, run, from)
  end
  hints.ready = true
end

-- hands a claim back: the run stands where it stood
local function requeue(id, run)
  leave(id, run)
  run.claimed = nil
  queue(id, run, run.readyAt or run.planned)
end

local function giveUpKey(id, run)
  if run.uniqueKey and call('HGET', unique, run.uniqueKey) == id then call('HDEL', unique, run.uniqueKey) end
end

local function leaveFamily(id, run)
  local family = familyOf(run)
  if not family then return end
  call('ZREM', members(family), id)
  freed[#freed + 1] = family
end

local function finish(id, run, outcome, finished)
  leave(id, run)
  vacate(id, run)
  run.state, run.outcome, run.finished, run.expiresAt = 'done', outcome, finished, finished + run.retention
  enter(id, run)
  call('ZREM', going, id)
  if run.job then call('ZREM', goingOf(run.job), id) end
  leaveFamily(id, run)
  giveUpKey(id, run)
  hints.settled[#hints.settled + 1] = id
end

local function isFull(run)
  local family = run.serial and familyOf(run)
  if not family then return false end
  return call('ZCARD', members(family)) - call('ZCARD', blocked(family)) >= run.serial
end

-- those who wait under a limit take the places that are free now; who has more places already goes first
local function serve(now)
  local keys, seen = {}, {}
  for _, limits in ipairs(vacated) do
    for _, limit in ipairs(limits) do
      if not seen[limit.key] then keys[#keys + 1] = limit.key end
      seen[limit.key] = true
    end
  end
  table.sort(keys, function(a, b) return precedes(b, a) end)
  for _, key in ipairs(keys) do
    while true do
      local id = call('ZRANGE', queueOf(key), 0, 0)[1]
      local run = id and load(id)
      if not run or call('SCARD', placesOf(key)) >= run.limits[run.places + 1].max then break end
      leave(id, run)
      -- in the next queue it stands from now on, or those of one key could stand in the way of all others
      if takePlaces(id, run) then
        queue(id, run, now)
      else
        run.rank = now - run.boost
        enter(id, run)
      end
      hints.ready = true
    end
  end
end

-- lets blocked runs move up where runs have ended, or given their places back; of a family up to the first that must stay
local function promote(now)
  serve(now)
  local passed = {}
  for _, family in ipairs(freed) do
    while true do
      local id = call('ZRANGE', blocked(family), 0, 0)[1]
      local run = id and load(id)
      if not run or isFull(run) then break end
      leave(id, run)
      passed[#passed + 1] = { id = id, run = run }
    end
  end
  -- across families it matters only who takes places first
  table.sort(passed, function(a, b)
    if a.run.planned ~= b.run.planned then return a.run.planned < b.run.planned end
    return precedes(a.id, b.id)
  end)
  for _, one in ipairs(passed) do admit(one.id, one.run, now, one.run.planned) end
  freed, vacated = {}, {}
end
`

const adding = `
local function add(run, now)
  local id = run.id
  if call('HEXISTS', heads, id) == 1 then return false end
  if run.uniqueKey then
    if call('HSETNX', unique, run.uniqueKey, id) == 0 then return false end
  end
  call('HSET', bodies, id, text(run.body))
  run.id, run.body = nil, nil
  run.fence, run.attempt, run.attempts = 0, 0, '[]'
  letIn(id, run, now)
  return true
end
`

const lettingIn = `
-- a run that is going from now on
local function letIn(id, run, now)
  local family, full = familyOf(run), isFull(run)
  call('ZADD', going, 0, id)
  if run.job then call('ZADD', goingOf(run.job), 0, id) end
  if family then call('ZADD', members(family), run.planned, id) end
  if full then
    run.state = 'blocked'
    enter(id, run)
    hints.ready = true
  else
    admit(id, run, now, run.readyAt or run.planned)
  end
end
`

const cancelling = `
-- ends the runs that are not running, and flags the others
local function cancel(ids, reason, now)
  local seen = {}
  for _, id in ipairs(ids) do
    local run = load(id)
    if run and run.state == 'running' then
      if not run.cancel then
        run.cancel = reason
        save(id, run)
      end
      if not seen[id] then hints.cancel[#hints.cancel + 1] = id end
      seen[id] = true
    elseif run and run.state ~= 'done' then
      run.cancel = reason
      finish(id, run, 'cancelled', now)
    end
  end
end
`

/** For scripts that only look. */
export const looking = keys + reading

/** For scripts that move runs from one place to another. */
export const places = order + hints + keys + reading + moving

/** The same with what adds runs, and what cancels them. */
export const placesLettingIn = places + lettingIn
export const placesAdding = placesLettingIn + adding
export const placesCancelling = places + cancelling
export const placesAll = placesAdding + cancelling
