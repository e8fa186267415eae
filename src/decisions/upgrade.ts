/**
 * The decision *upgrade*: how a payload that an older version of its Task encoded becomes today's.
 *
 * Laws (tested as properties): a payload of today's version stays as it is; upgrading from an older version is upgrading to any version in
 * between and then from there.
 */
import * as Result from "effect/Result"
import type * as Task from "../Task.ts"

/** The encoded payload as of today's version, or why there is no way to it. */
export const upgrade = (
  { name, upgrade, version: today }: Pick<Task.Any, "name" | "upgrade" | "version">,
  encoded: unknown,
  version: number
): Result.Result<unknown, string> => {
  // A Task that does not say how to upgrade reads all versions alike.
  if (upgrade === undefined || version === today) return Result.succeed(encoded)
  if (version > today) {
    return Result.fail(`it is of version ${version} of task ${name}, and this node knows version ${today}`)
  }
  try {
    if (typeof upgrade === "function") return Result.succeed(upgrade(encoded, version))
    for (let from = version; from < today; from++) {
      const step = upgrade[from]
      if (step === undefined) return Result.fail(`task ${name} has no upgrade from version ${from}`)
      encoded = step(encoded)
    }
    return Result.succeed(encoded)
  } catch (error) {
    const thrown = error instanceof Error ? error.message : String(error)
    return Result.fail(`the upgrade of task ${name} from version ${version} threw: ${thrown}`)
  }
}
