/**
 * Stage one: jobs are added and looked up.
 *
 * | key | holds |
 * | --- | --- |
 * | `jobs`, `jobs:body` | hashes: id → head, id → body |
 * | `jobs:ids` | all ids in their order |
 * | `due` | by `nextDue` |
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { JobQuery, JobRow } from "../../JobStore.ts"
import type { StoreError } from "../../SchedulerError.ts"
import { type Database, script, Texts, type Verbs } from "./Database.ts"
import { hints } from "./hints.ts"
import { order } from "./order.ts"
import { decodeAll, decodeJob, encodeJob } from "./rows.ts"

/** Lua: the table of jobs. */
export const jobTable = `
local jobs, jobBodies, jobIds, due = tag .. ':jobs', tag .. ':jobs:body', tag .. ':jobs:ids', tag .. ':due'

local function saveJob(id, job)
  call('HSET', jobs, id, json(job))
  if job.nextDue then call('ZADD', due, job.nextDue, id) else call('ZREM', due, id) end
end
`

const insert = script(
  hints,
  jobTable,
  `
local answers = {}
for n, job in ipairs(request.rows) do
  local id = job.id
  if call('HEXISTS', jobs, id) == 1 then
    answers[n] = 'exists'
  else
    call('HSET', jobBodies, id, text(job.body))
    call('ZADD', jobIds, 0, id)
    job.id, job.body = nil, nil
    saveJob(id, job)
    answers[n] = 'inserted'
    hints.jobs = true
  end
end
tell()
return answers
`
)

const list = script(
  order,
  jobTable,
  `
local ids = request.ids
if not ids then
  local prefix, from = request.prefix, '[' .. request.prefix
  if request.after and not precedes(request.after, prefix) then from = '(' .. request.after end
  -- no byte of UTF-8 is 255: beyond it lies nothing that begins with the prefix
  local to = prefix == '' and '+' or '(' .. prefix .. string.char(255)
  ids = call('ZRANGEBYLEX', jobIds, from, to, 'LIMIT', 0, request.count)
end
local reply = {}
for _, id in ipairs(ids) do
  local head, n = call('HGET', jobs, id), #reply
  if head then reply[n + 1], reply[n + 2], reply[n + 3] = id, head, call('HGET', jobBodies, id) end
end
return reply
`
)

/** How many rows are looked at in one call: others must have their turn. */
const stride = 1000

export const make = (db: Database): Verbs<"insertJobs" | "jobs"> => {
  const named = (query: JobQuery, ids: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<JobRow>, StoreError> =>
    Effect.map(
      db.run("jobs", list, { ids: Array.from(new Set(ids)) }),
      (reply) =>
        decodeAll(reply, 0, decodeJob)
          .filter((row) => isWanted(row, query) && (query.after === undefined || row.id > query.after))
          .sort((a, b) => a.id < b.id ? -1 : 1)
          .slice(0, query.limit)
    )

  const select = Effect.fnUntraced(function*(query: JobQuery) {
    const rows: Array<JobRow> = []
    if (query.limit <= 0) return rows
    if (query.ids !== undefined) return yield* named(query, query.ids)
    const filtered = query.task !== undefined || query.state !== undefined || query.exceptTz !== undefined
    const { limit, prefix = "" } = query
    let after = query.after
    while (true) {
      const count = filtered ? stride : Math.min(stride, limit - rows.length)
      const page = decodeAll(yield* db.run("jobs", list, { after, prefix, count }), 0, decodeJob)
      for (const row of page) {
        if (isWanted(row, query) && rows.push(row) === limit) return rows
      }
      if (page.length < count) return rows
      after = page[page.length - 1]!.id
    }
  })

  return {
    insertJobs: (rows) => {
      if (rows.length === 0) return Effect.succeed([])
      const texts = new Texts()
      const request = { rows: rows.map((row) => encodeJob(row, texts)) }
      return Effect.map(
        db.run("insertJobs", insert, request, texts),
        (reply) => reply as ReadonlyArray<"inserted" | "exists">
      )
    },
    jobs: select
  }
}

const isWanted = (row: JobRow, query: JobQuery): boolean =>
  (query.task === undefined || row.task === query.task) &&
  (query.state === undefined || row.state === query.state) &&
  (query.exceptTz === undefined || row.tz !== query.exceptTz) &&
  (query.prefix === undefined || row.id.startsWith(query.prefix))
