/**
 * Lua: the order of ids. Redis orders members of equal score by their bytes, and so must whoever merges several sets; Lua's own `<` on
 * strings follows the locale of the server.
 *
 * @since 0.1.0
 */
export const order = `
local function precedes(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end
`
