/**
 * Stage two: what is due is read, and what was decided is committed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Change, DueJob } from "../../JobStore.ts"
import { waves } from "../waves.ts"
import { type Database, script, Texts, type Verbs } from "./Database.ts"
import { jobTable } from "./jobs.ts"
import { looking, placesAll } from "./places.ts"
import { decodeJob, encodeCancel, encodeRun, encodeVerdict, jobBody, planned, width } from "./rows.ts"
import { verdictTable } from "./verdicts.ts"

const readDue = script(
  looking,
  jobTable,
  `
local now, limit = digits(request.now), request.limit
local ids = call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, limit)
local next = #ids < limit and call('ZRANGEBYSCORE', due, '(' .. now, '+inf', 'LIMIT', 0, 1, 'WITHSCORES')[2]
local reply = { next or false }
for _, id in ipairs(ids) do
  local head = call('HGET', jobs, id)
  local family = members(familyOf({ job = id, incarnation = cjson.decode(head).incarnation }))
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3] = id, head, call('HGET', jobBodies, id)
  reply[n + 4] = call('ZCARD', family)
  reply[n + 5] = call('ZREVRANGE', family, 0, 0)[1] or false
end
return reply
`
)

const carryOut = script(
  placesAll,
  jobTable,
  verdictTable,
  `
local now, answers = request.now, {}

-- first all that frees something, then all that may take it
for n, change in ipairs(request.changes) do
  local id, row = change.job, change.row
  local head = call('HGET', jobs, id)
  local job = head and cjson.decode(head)
  if not job or job.incarnation ~= change.incarnation or job.revision ~= change.revision then
    answers[n] = 'stale'
  else
    answers[n] = 'ok'
    -- what planning changes is due later than it was
    if not row or row.body then hints.jobs = true end
    if row then
      if row.body then call('HSET', jobBodies, id, text(row.body)) end
      job.revision = job.revision + 1
      job.cursor, job.nextNominal, job.nextDue = row.cursor, row.nextNominal, row.nextDue
      job.state, job.updated = row.state, row.updated
      if row.incarnation then job.incarnation, job.created = row.incarnation, row.created end
      saveJob(id, job)
    else
      call('HDEL', jobs, id)
      call('HDEL', jobBodies, id)
      call('ZREM', jobIds, id)
      call('ZREM', due, id)
    end
    if change.cancel then cancel(call('ZRANGE', members(familyOf(change)), 0, -1), change.cancel, now) end
  end
end
promote(now)
for n, change in ipairs(request.changes) do
  if answers[n] == 'ok' then
    for _, run in ipairs(change.runs) do add(run, now) end
    for _, verdict in ipairs(change.verdicts) do record(verdict) end
  end
end
tell()
return answers
`
)

/** A row to be written, or none when the job is to go. */
const rowOf = ({ update }: Change, texts: Texts) => {
  switch (update._tag) {
    case "Advance":
      return planned(update)
    case "Replace":
      return { ...planned(update.row), body: texts.add(jobBody(update.row)) }
    case "Renew": {
      const { created, incarnation } = update.row
      return { ...planned(update.row), incarnation, created, body: texts.add(jobBody(update.row)) }
    }
    case "Delete":
      return undefined
  }
}

export const make = (db: Database): Verbs<"due" | "commit"> => ({
  due: (request) =>
    Effect.map(db.run("due", readDue, request), (reply) => {
      const jobs: Array<DueJob> = []
      for (let at = 1; at < reply.length; at += width + 2) {
        const job = decodeJob(reply, at)
        jobs.push({ job, going: reply[at + width] as number, latest: reply[at + width + 1] as string | null })
      }
      return { jobs, next: reply[0] === null ? null : Number(reply[0]) }
    }),

  commit: Effect.fnUntraced(function*({ changes, now }) {
    const answers = new Map<Change, "ok" | "stale">()
    for (const wave of waves(changes, ({ job }) => job)) {
      const carried = yield* commit(db, wave, now)
      wave.forEach((change, i) => answers.set(change, carried[i]!))
    }
    return changes.map((change) => answers.get(change)!)
  })
})

/** Commits changes of distinct jobs. */
const commit = (db: Database, changes: ReadonlyArray<Change>, now: number) => {
  const texts = new Texts()
  const request = {
    now,
    changes: changes.map((change) => ({
      job: change.job,
      incarnation: change.incarnation,
      revision: change.revision,
      row: rowOf(change, texts),
      cancel: change.cancel === null ? undefined : encodeCancel(change.cancel),
      runs: change.runs.map((run) => encodeRun(run, texts)),
      verdicts: change.verdicts.map(encodeVerdict)
    }))
  }
  return Effect.map(db.run("commit", carryOut, request, texts), (reply) => reply as ReadonlyArray<"ok" | "stale">)
}
