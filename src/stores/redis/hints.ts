/**
 * Lua: telling those who listen what a script has done, in the step that did it, so that no hint is lost between the two.
 *
 * Messages are numbered: a subscriber that lost its connection for a moment sees from the number that it missed some.
 *
 * @since 0.1.0
 */

/** A message on the channel of a namespace. */
export interface Message {
  readonly n: number
  readonly jobs?: boolean
  readonly ready?: boolean
  readonly cancel?: ReadonlyArray<string>
  readonly settled?: ReadonlyArray<string>
}

export const channelOf = (tag: string): string => `${tag}:signals`

/** Where the number of the last message is kept. */
export const countOf = (tag: string): string => `${tag}:told`

export const hints = `
local hints = { cancel = {}, settled = {} }

local function publish(message)
  message.n = call('INCR', tag .. ':told')
  call('PUBLISH', tag .. ':signals', cjson.encode(message))
end

local function tell()
  for _, kind in ipairs({ 'cancel', 'settled' }) do
    local ids = hints[kind]
    -- a message of any length would have to fit into the output buffer of every subscriber
    for first = 1, #ids, 500 do
      publish({ [kind] = { unpack(ids, first, math.min(first + 499, #ids)) } })
    end
  end
  if hints.jobs or hints.ready then publish({ jobs = hints.jobs, ready = hints.ready }) end
end
`
