/**
 * What the verbs know of Redis: the keys of one namespace, and how to run a script on them.
 *
 * Every verb is one Lua script, so Redis carries it out wholly before it looks at anything else. All keys of a namespace begin with the
 * same hash tag, `{prefix:namespace}`, and so lie in one slot of a cluster; the tag is the only key that a script is given, and it
 * builds the others from it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import type { Service } from "../../JobStore.ts"
import { StoreError } from "../../SchedulerError.ts"
import { storeError } from "./errors.ts"

/** What a script answers: Lua has no more than this, and `false` arrives as `null`. */
export type Reply = ReadonlyArray<string | number | null>

export type Script = Redis.Script<
  { readonly params: readonly [tag: string, ...rest: Array<string>]; readonly result: Reply }
>

/** Some of the store's verbs. */
export type Verbs<Names extends keyof Service> = Pick<Service, Names>

export interface Database {
  /** Begins every key. */
  readonly tag: string
  /** Runs a verb's script. Fields of the request that are `undefined` are absent, which Lua reads as `nil`. */
  readonly run: (
    verb: string,
    script: Script,
    request: object,
    texts?: Texts
  ) => Effect.Effect<Reply, StoreError>
}

/**
 * Long texts that no script reads: they travel beside the request as arguments of their own, which saves escaping and parsing them, and
 * the request names them by number.
 */
export class Texts {
  readonly all: Array<string> = []

  add(text: string): number {
    return this.all.push(text)
  }
}

const open = `
local call = redis.call
local tag = KEYS[1]
local request = cjson.decode(ARGV[1])
local function text(n) return ARGV[n + 1] end
-- exact, where Lua's own conversion ends at 14 digits
local function digits(n) return string.format('%.0f', n) end
-- the same for the JSON of a row, whose numbers are whole: an instant beyond the year 5138 has more digits than Lua's writes of a number
local function json(row)
  local long
  for key, value in pairs(row) do
    if type(value) == 'number' and (value >= 1e14 or value <= -1e14) then
      long = long or {}
      long[key] = value
    end
  end
  if not long then return cjson.encode(row) end
  local parts = {}
  for key, value in pairs(long) do
    row[key] = nil
    parts[#parts + 1] = '"' .. key .. '":' .. digits(value)
  end
  -- what has only such numbers is no row
  local text = string.sub(cjson.encode(row), 1, -2) .. ',' .. table.concat(parts, ',') .. '}'
  for key, value in pairs(long) do row[key] = value end
  return text
end
`

/** Puts a script together from the Lua functions that it needs and the steps of its own. */
export const script = (...lua: ReadonlyArray<string>): Script =>
  Redis.script((...params: readonly [tag: string, ...rest: Array<string>]) => params, {
    numberOfKeys: 1,
    lua: [open, ...lua].join("")
  }).withReturnType<Reply>()

/**
 * A half of a surrogate pair is no character, and the JSON of Lua refuses a whole request over one in a name: it becomes the character
 * that stands for what is none, as it does in any text that is sent as UTF-8.
 */
const encode = (request: object): string => {
  const text = JSON.stringify(request)
  return /\\ud[89a-f]/.test(text)
    ? JSON.stringify(request, (_, value: unknown) => typeof value === "string" ? value.toWellFormed() : value)
    : text
}

/** A connection that says nothing for this long is as good as broken: the verb may or may not have been carried out. */
const patience = "10 seconds"

export const make = (redis: Redis.Redis["Service"], tag: string): Database => ({
  tag,
  run: (verb, script, request, texts) =>
    redis.eval(script)(tag, encode(request), ...(texts?.all ?? [])).pipe(
      Effect.mapError((error) => storeError(verb, error)),
      Effect.timeoutOrElse({
        duration: patience,
        orElse: () =>
          Effect.fail(new StoreError({ verb, retryable: true, message: `Redis gave no answer within ${patience}` }))
      })
    )
})
