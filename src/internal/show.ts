/**
 * A value as an error message shows it: short, and never failing.
 */
const longest = 200

export const show = (value: unknown): string => {
  let text: string
  try {
    text = typeof value === "bigint"
      ? `${value}n`
      : typeof value === "number"
      ? String(value)
      : JSON.stringify(value) ?? String(value)
  } catch {
    text = Object.prototype.toString.call(value)
  }
  return text.length > longest ? text.slice(0, longest) + "…" : text
}
