/**
 * Lua: the table of verdicts.
 *
 * | key | holds |
 * | --- | --- |
 * | `verdicts:<job>` | the ranges of all incarnations of a job, as JSON, by `to` |
 * | `verdicts` | jobs, by an instant before which none of their ranges ends |
 *
 * @since 0.1.0
 */
export const verdictTable = `
local ages = tag .. ':verdicts'
local function verdictsOf(job) return tag .. ':verdicts:' .. job end

-- adds a range, or extends the one that it continues
local function record(range)
  local ranges = verdictsOf(range.job)
  if range.from then
    for _, member in ipairs(call('ZRANGEBYSCORE', ranges, range.from, range.from)) do
      local last = cjson.decode(member)
      if last.incarnation == range.incarnation and last.kind == range.kind and last.reason == range.reason
        and last.ref == range.ref and last.note == range.note then
        call('ZREM', ranges, member)
        last.count = last.count and range.count and last.count + range.count
        last.to = range.to
        range = last
        break
      end
    end
  end
  call('ZADD', ranges, range.to, json(range))
  call('ZADD', ages, 'LT', range.to, range.job)
end
`
