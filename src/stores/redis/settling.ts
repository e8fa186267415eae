/**
 * Stage four: attempts end, runs are cancelled, and what handlers report is kept.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Settled, Settlement } from "../../JobStore.ts"
import { type Database, script, Texts, type Verbs } from "./Database.ts"
import { places, placesAdding, placesCancelling } from "./places.ts"
import { encodeCancel, encodeRun } from "./rows.ts"

const settle = script(
  placesAdding,
  `
local now = request.now

local function record(settlement)
  local id, step = settlement.run, settlement.tag
  local run = load(id)
  if not run or run.fence ~= settlement.fence then return 'stale' end
  if run.state ~= 'running' then return 'already' end
  if step ~= 'Release' then
    run.started, run.attempt, run.attempts = settlement.started, settlement.attempt, settlement.attempts
  end
  if step == 'Done' then
    run.result = settlement.result
    finish(id, run, settlement.outcome, settlement.finished)
  elseif run.cancel then
    finish(id, run, 'cancelled', now)
    return 'cancelled'
  elseif step == 'Retry' then
    leave(id, run)
    run.readyAt = settlement.readyAt
    if run.readyAt > now then
      vacate(id, run)
      run.state = 'waiting'
      enter(id, run)
      hints.ready = true
    else
      queue(id, run, run.readyAt)
    end
  else
    requeue(id, run)
  end
  return 'ok'
end

local answers = {}
for n, settlement in ipairs(request.settlements) do answers[n] = record(settlement) end
promote(now)
for n, settlement in ipairs(request.settlements) do
  if answers[n] == 'ok' then
    for _, run in ipairs(settlement.follow) do add(run, now) end
  end
end
tell()
return answers
`
)

const note = script(
  places,
  `
local run = load(request.run)
if run and run.state == 'running' and run.fence == request.fence then
  run.progress, run.log = request.progress or run.progress, request.log or run.log
  save(request.run, run)
end
return {}
`
)

const cancel = script(
  placesCancelling,
  `
local ids = request.runs
if not ids and request.jobs then
  ids = {}
  for _, job in ipairs(request.jobs) do
    for _, id in ipairs(call('ZRANGE', goingOf(job), 0, -1)) do ids[#ids + 1] = id end
  end
elseif not ids and request.job then
  ids = request.incarnation and call('ZRANGE', members(familyOf(request)), 0, -1)
    or call('ZRANGE', goingOf(request.job), 0, -1)
end
cancel(ids or {}, request.reason, request.now)
promote(request.now)
tell()
local reply = { #hints.settled }
for _, id in ipairs(hints.settled) do reply[#reply + 1] = id end
for _, id in ipairs(hints.cancel) do reply[#reply + 1] = id end
return reply
`
)

const stepOf = ({ next }: Settlement) => {
  switch (next._tag) {
    case "Done":
      return {
        tag: next._tag,
        outcome: next.outcome,
        result: next.result ?? undefined,
        started: next.started ?? undefined,
        finished: next.finished,
        attempt: next.attempt,
        attempts: next.attempts
      }
    case "Retry":
      return {
        tag: next._tag,
        readyAt: next.readyAt,
        started: next.started ?? undefined,
        attempt: next.attempt,
        attempts: next.attempts
      }
    case "Release":
      return { tag: next._tag }
  }
}

export const make = (db: Database): Verbs<"settle" | "note" | "cancel"> => ({
  settle: ({ now, settlements }) => {
    if (settlements.length === 0) return Effect.succeed([])
    const texts = new Texts()
    const request = {
      now,
      settlements: settlements.map((settlement) => ({
        ...stepOf(settlement),
        run: settlement.run,
        fence: settlement.fence,
        follow: settlement.follow.map((run) => encodeRun(run, texts))
      }))
    }
    return Effect.map(
      db.run("settle", settle, request, texts),
      (reply) => reply as ReadonlyArray<Settled>
    )
  },

  note: (request) => Effect.asVoid(db.run("note", note, request)),

  cancel: ({ request, ...selected }) =>
    Effect.map(db.run("cancel", cancel, { ...selected, reason: encodeCancel(request) }), (reply) => {
      const settled = reply[0] as number
      return {
        settled: reply.slice(1, 1 + settled) as Array<string>,
        flagged: reply.slice(1 + settled) as Array<string>
      }
    })
})
