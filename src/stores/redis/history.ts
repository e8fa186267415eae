/**
 * Stage six: what was, for those who ask, until it is forgotten.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { isRecalled, type RunQuery, type RunRow, type VerdictQuery, type VerdictRow } from "../../JobStore.ts"
import { scale } from "../rates.ts"
import { type Database, script, type Verbs } from "./Database.ts"
import { order } from "./order.ts"
import { looking } from "./places.ts"
import { decodeAll, decodeRun, decodeVerdict } from "./rows.ts"
import { verdictTable } from "./verdicts.ts"

const named = script(looking, `return show(request.ids, {})`)

const holder = script(looking, `return show({ call('HGET', unique, request.key) or nil }, {})`)

/** The runs that follow a place in the listing: those that are going, by descending id, then the others, the last finished first. */
const page = script(
  order,
  looking,
  `
local job, after, reply = request.job, request.after, {}
local left = request.count

if request.going ~= false and not (after and after.finished) then
  local from = after and '(' .. after.id or '+'
  local ids = call('ZREVRANGEBYLEX', job and goingOf(job) or going, from, '-', 'LIMIT', 0, left)
  left = left - #ids
  show(ids, reply)
end

-- how many of the history come before the place, itself included
local function placeIn(key)
  if not (after and after.finished) then return 0 end
  if tonumber(call('ZSCORE', key, after.id)) == after.finished then return call('ZREVRANK', key, after.id) + 1 end
  -- it was forgotten meanwhile: those that finished in the same millisecond are told apart by their ids
  local finished = digits(after.finished)
  local passed = call('ZCOUNT', key, '(' .. finished, '+inf')
  for _, id in ipairs(call('ZRANGEBYSCORE', key, finished, finished)) do
    if not precedes(id, after.id) then passed = passed + 1 end
  end
  return passed
end

if request.going ~= true and left > 0 then
  local key = job and historyOf(job) or history
  local first = placeIn(key)
  show(call('ZREVRANGE', key, first, first + left - 1), reply)
end
return reply
`
)

const ranges = script(
  verdictTable,
  `
local to = request.before and '(' .. digits(request.before) or '+inf'
local from = request.at and digits(request.at) or '-inf'
return call('ZREVRANGEBYSCORE', verdictsOf(request.job), to, from, 'LIMIT', request.skip, request.count)
`
)

const forgetting = `
local function forget(id)
  local run = load(id)
  if not run or run.state ~= 'done' then return false end
  if run.job then call('ZREM', historyOf(run.job), id) end
  call('ZREM', history, id)
  call('ZREM', expiry, id)
  call('HDEL', heads, id)
  call('HDEL', bodies, id)
  return true
end
`

const forgetAll = script(
  looking,
  forgetting,
  `
local swept = 0
for _, id in ipairs(request.ids) do
  if forget(id) then swept = swept + 1 end
end
return { swept }
`
)

const sweep = script(
  looking,
  forgetting,
  verdictTable,
  `
local limit, swept = request.limit, 0

for _, id in ipairs(call('ZRANGEBYSCORE', expiry, '-inf', digits(request.now), 'LIMIT', 0, limit)) do
  forget(id)
  swept = swept + 1
end
-- a bucket that is full is like one that was never drawn from
call('ZREMRANGEBYSCORE', rates, '-inf', digits(request.now * ${scale}))

local before, left = '(' .. digits(request.before), limit
for _, job in ipairs(call('ZRANGEBYSCORE', ages, '-inf', before, 'LIMIT', 0, limit)) do
  if left <= 0 then break end
  local key = verdictsOf(job)
  for _, range in ipairs(call('ZRANGEBYSCORE', key, '-inf', before, 'LIMIT', 0, left)) do
    call('ZREM', key, range)
    left, swept = left - 1, swept + 1
  end
  local oldest = call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
  if oldest then call('ZADD', ages, oldest, job) else call('ZREM', ages, job) end
end
return { swept }
`
)

/** How many rows are looked at in one call: others must have their turn. */
const stride = 1000

export const make = (db: Database): Verbs<"runs" | "verdicts" | "sweep"> => {
  const pickNamed = (query: RunQuery, ids: ReadonlyArray<string>) =>
    Effect.map(db.run("runs", named, { ids: Array.from(new Set(ids)) }), (reply) =>
      decodeAll(reply, 0, decodeRun)
        .filter((row) =>
          isWanted(row, query) &&
          (query.going === undefined || query.going === (row.finished === null)) &&
          (query.after === undefined || compare(query.after, row) < 0)
        )
        .sort(compare)
        .slice(0, query.limit))

  const select = Effect.fnUntraced(function*(query: RunQuery) {
    const { job, limit, outcomes } = query
    // what is going has no outcome yet
    if (outcomes !== undefined && query.going === true) return []
    const going = outcomes === undefined ? query.going : false
    if (limit <= 0) return []
    if (query.uniqueKey !== undefined) {
      const rows = decodeAll(yield* db.run("runs", holder, { key: query.uniqueKey }), 0, decodeRun)
      return yield* pickNamed(query, idsIn(rows, query.ids))
    }
    if (query.ids !== undefined) return yield* pickNamed(query, query.ids)
    // between two pages a run may have ended, and be met again
    const rows = new Map<string, RunRow>()
    const filtered = query.incarnation !== undefined || query.task !== undefined || outcomes !== undefined
    let after: { readonly finished?: number | undefined; readonly id: string } | undefined = query.after === undefined
      ? undefined
      : { finished: query.after.finished ?? undefined, id: query.after.id }
    while (true) {
      const count = filtered ? stride : Math.min(stride, limit - rows.size)
      const found = decodeAll(yield* db.run("runs", page, { job, going, after, count }), 0, decodeRun)
      for (const row of found) {
        if (!isWanted(row, query) || rows.has(row.id)) continue
        rows.set(row.id, row)
        if (rows.size === limit) return Array.from(rows.values())
      }
      if (found.length < count) return Array.from(rows.values())
      const last = found[found.length - 1]!
      after = { finished: last.finished ?? undefined, id: last.id }
    }
  })

  const verdicts = Effect.fnUntraced(function*({ at, before, incarnation, job, limit }: VerdictQuery) {
    const rows: Array<VerdictRow> = []
    if (limit <= 0) return rows
    const filtered = at !== undefined || incarnation !== undefined
    for (let skip = 0;;) {
      const count = filtered ? stride : Math.min(stride, limit - rows.length)
      const found = yield* db.run("verdicts", ranges, { job, at, before, skip, count })
      for (const text of found) {
        const row = decodeVerdict(text as string)
        if (incarnation !== undefined && row.incarnation !== incarnation) continue
        if (at !== undefined && row.from !== null && row.from >= at) continue
        if (rows.push(row) === limit) return rows
      }
      if (found.length < count) return rows
      skip += count
    }
  })

  /** Of a task, the runs beyond its newest ones, from the oldest on. */
  const sweepBeyond = Effect.fnUntraced(function*(task: string, count: number, limit: number) {
    const ended = yield* select({ task, going: false, limit: Infinity })
    const ids = ended.filter((row) => !isRecalled(row)).slice(count).reverse().slice(0, limit).map(({ id }) => id)
    if (ids.length === 0) return 0
    const [swept] = yield* db.run("sweep", forgetAll, { ids })
    return swept as number
  })

  return {
    runs: select,
    verdicts,
    sweep: Effect.fnUntraced(function*({ keep = [], ...request }) {
      if (request.limit <= 0) return 0
      const [expired] = yield* db.run("sweep", sweep, request)
      let swept = expired as number
      for (const { count, task } of keep) swept += yield* sweepBeyond(task, count, request.limit)
      return swept
    })
  }
}

const idsIn = (rows: ReadonlyArray<RunRow>, wanted: ReadonlyArray<string> | undefined): ReadonlyArray<string> =>
  rows.map(({ id }) => id).filter((id) => wanted === undefined || wanted.includes(id))

const isWanted = (row: RunRow, query: RunQuery): boolean =>
  (query.job === undefined || row.job === query.job) &&
  (query.incarnation === undefined || row.incarnation === query.incarnation) &&
  (query.task === undefined || row.task === query.task) &&
  (query.outcomes === undefined || (row.outcome !== null && query.outcomes.includes(row.outcome)))

type Place = NonNullable<RunQuery["after"]>

/** The order of the listing: what is going first, then what finished last; ties by descending id. */
const compare = (a: Place, b: Place): number => {
  if (a.finished !== b.finished) {
    if (a.finished === null) return -1
    if (b.finished === null) return 1
    return b.finished - a.finished
  }
  return a.id === b.id ? 0 : a.id > b.id ? -1 : 1
}
