/**
 * Stage five: nodes keep their leases, leave, and are missed.
 *
 * | key | holds |
 * | --- | --- |
 * | `leases` | nodes, by `expiresAt` |
 * | `nodes` | hash: node → host and process id, as JSON |
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Held, NodeRow } from "../../JobStore.ts"
import type { StoreError } from "../../SchedulerError.ts"
import { type Database, script, type Verbs } from "./Database.ts"
import { looking, places } from "./places.ts"

/**
 * What a store can know about the processes of its own host.
 *
 * @category models
 * @since 0.1.0
 */
export interface Host {
  readonly name: string
  readonly isAlive: (pid: number) => boolean
}

const nodeTable = `
local leases, nodes = tag .. ':leases', tag .. ':nodes'

local function forget(node)
  call('ZREM', leases, node)
  call('HDEL', nodes, node)
end
`

const taking = `
local released, abandoned = {}, {}

-- the claims are void, and their fences grow, so that a late settlement is not taken for one that was recorded
local function take(node, limit, now)
  for _, id in ipairs(call('SRANDMEMBER', held(node), limit)) do
    local run = load(id)
    run.fence = run.fence + 1
    if run.atMostOnce or run.cancel then
      finish(id, run, 'abandoned', now)
      abandoned[#abandoned + 1] = id
    else
      requeue(id, run)
      released[#released + 1] = id
    end
  end
end
`

const beat = script(
  looking,
  nodeTable,
  `
call('ZADD', leases, 'GT', request.expiresAt, request.id)
call('HSET', nodes, request.id, cjson.encode({ host = request.host, pid = request.pid }))
local reply = {}
for _, id in ipairs(call('SMEMBERS', held(request.id))) do
  local run, n = load(id), #reply
  reply[n + 1], reply[n + 2], reply[n + 3] = id, run.fence, run.cancel or false
end
return reply
`
)

const leave = script(
  places,
  nodeTable,
  taking,
  `
forget(request.node)
take(request.node, call('SCARD', held(request.node)), request.now)
promote(request.now)
tell()
return {}
`
)

const known = script(nodeTable, `return call('HGETALL', nodes)`)

const reap = script(
  places,
  nodeTable,
  taking,
  `
local now, limit, gone = request.now, request.limit, request.gone
if request.includeExpired then
  for _, node in ipairs(call('ZRANGEBYSCORE', leases, '-inf', '(' .. digits(now), 'LIMIT', 0, limit)) do
    gone[#gone + 1] = node
  end
  for _, node in ipairs(call('SMEMBERS', holders)) do
    if not call('ZSCORE', leases, node) then gone[#gone + 1] = node end
  end
end
for _, node in ipairs(gone) do
  local left = limit - #released - #abandoned
  -- a node that is left with some is remembered, and its turn comes again
  if left <= 0 then break end
  take(node, left, now)
  if call('EXISTS', held(node)) == 0 then forget(node) end
end
promote(now)
tell()
local reply = { #released }
for _, id in ipairs(released) do reply[#reply + 1] = id end
for _, id in ipairs(abandoned) do reply[#reply + 1] = id end
return reply
`
)

const time = script(`return call('TIME')`)

/** What the server takes for the time, in epoch milliseconds. */
export const clock = (db: Database): Effect.Effect<number, StoreError> =>
  Effect.map(
    db.run("clock", time, {}),
    ([seconds, micros]) => Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
  )

export const make = (db: Database, host: Host): Verbs<"beat" | "leave" | "reap"> => {
  /** The nodes whose processes were on this host and are no more. */
  const gone = Effect.map(db.run("reap", known, {}), (reply) => {
    const nodes: Array<string> = []
    for (let at = 0; at < reply.length; at += 2) {
      const node = JSON.parse(reply[at + 1] as string) as Pick<NodeRow, "host" | "pid">
      if (node.host === host.name && !host.isAlive(node.pid)) nodes.push(reply[at] as string)
    }
    return nodes
  })

  return {
    beat: (node) =>
      Effect.map(db.run("beat", beat, node), (reply) => {
        const held: Array<Held> = []
        for (let at = 0; at < reply.length; at += 3) {
          held.push({
            run: reply[at] as string,
            fence: reply[at + 1] as number,
            cancel: reply[at + 2] as string | null
          })
        }
        return held
      }),

    leave: (request) => Effect.asVoid(db.run("leave", leave, request)),

    reap: (request) =>
      Effect.flatMap(gone, (gone) =>
        Effect.map(db.run("reap", reap, { ...request, gone }), (reply) => {
          const released = reply[0] as number
          return {
            released: reply.slice(1, 1 + released) as Array<string>,
            abandoned: reply.slice(1 + released) as Array<string>
          }
        }))
  }
}
