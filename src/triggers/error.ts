/**
 * What is wrong with a trigger.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * A trigger that cannot be made, because a part of it cannot be read or because it could never fire.
 *
 * **Details**
 *
 * - `reason` tells programs what kind of mistake it is; `"unknown"` is none of the trigger: it refers to a custom kind or a
 *   calendar that is not registered here and may be elsewhere,
 * - `field` names the part at fault: a cron field such as `"minute"`, or an option such as `"timeZone"`,
 * - `position` is the zero-based index in the text at which the fault begins, where there is a text,
 * - `value` shows what was given, shortened when it is long,
 * - `expected` says what would have been right.
 *
 * @category errors
 * @since 0.1.0
 */
export class TriggerError extends Schema.TaggedError<TriggerError>()("TriggerError", {
  reason: Schema.Literals(["syntax", "range", "name", "option", "timeZone", "neverFires", "spec", "unknown"]),
  field: Schema.String,
  position: Schema.optionalKey(Schema.Int),
  value: Schema.String,
  expected: Schema.String
}) {
  override get message() {
    const where = this.position === undefined ? "" : ` at position ${this.position}`
    return `${this.field}: got ${this.value}${where}, expected ${this.expected}`
  }
}

/**
 * A value as an error shows it: quoted when it is text, one line, at most 80 characters.
 *
 * @internal
 */
export const show = (value: unknown): string => {
  const text = typeof value === "string" ? JSON.stringify(value) : describe(value)
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`
}

const describe = (value: unknown): string => {
  try {
    return typeof value === "object" && value !== null ? JSON.stringify(value) ?? String(value) : String(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}

/**
 * Refuses an option that is given and is none of the choices.
 *
 * @internal
 */
export const checkChoice = (field: string, value: string | undefined, choices: ReadonlyArray<string>): void => {
  if (value === undefined || choices.includes(value)) return
  throw new TriggerError({
    reason: "option",
    field,
    value: show(value),
    expected: choices.map((choice) => JSON.stringify(choice)).join(", ").replace(/, ([^,]*)$/, " or $1")
  })
}
