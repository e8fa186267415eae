/**
 * The tasks that a node carries out, with their handlers, by name.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { InvalidOption } from "../SchedulerError.ts"
import * as Task from "../Task.ts"
import type { Served } from "./core.ts"

export const serve = Effect.fnUntraced(function*(
  tasks: ReadonlyArray<Task.Any>,
  executors: Iterable<string>,
  context: Context.Context<never>
): Effect.fn.Return<ReadonlyMap<string, Served>, InvalidOption> {
  const known = new Set(executors)
  const served = new Map<string, Served>()
  for (const task of tasks) {
    const handler = Task.handlerOf(task, context)
    if (handler === undefined || served.has(task.name)) {
      return yield* new InvalidOption({
        field: "tasks",
        value: task.name,
        expected: handler === undefined ? "a task whose handler is provided" : "each task name once"
      })
    }
    const wrong = wrongVersion(task) ?? wrongHistory(task)
    if (wrong !== undefined) return yield* wrong
    if (!known.has(task.executor)) {
      return yield* new InvalidOption({
        field: "tasks",
        value: `${task.name}, which names the executor ${JSON.stringify(task.executor)}`,
        expected: `tasks for the executors that are provided: ${
          [...known].map((name) => JSON.stringify(name)).join(", ")
        }`
      })
    }
    served.set(task.name, { task, context: handler.context, run: handler.run })
  }
  return served
})

const wrongHistory = ({ history, name }: Task.Any): InvalidOption | undefined =>
  history === undefined || (Number.isSafeInteger(history) && history >= 0) ? undefined : new InvalidOption({
    field: "tasks",
    value: `${name} with history ${history}`,
    expected: "a history that is a whole number of at least 0"
  })

const wrongVersion = ({ name, upgrade, version }: Task.Any): InvalidOption | undefined => {
  if (!Number.isSafeInteger(version) || version < 1) {
    return new InvalidOption({
      field: "tasks",
      value: `${name} with version ${version}`,
      expected: "a version that is a whole number of at least 1"
    })
  }
  if (upgrade === undefined || typeof upgrade === "function") return undefined
  const stray = Object.keys(upgrade).find((from) => !(Number(from) >= 1 && Number(from) < version))
  return stray === undefined ? undefined : new InvalidOption({
    field: "tasks",
    value: `${name} of version ${version} with an upgrade from ${stray}`,
    expected: `upgrades from the versions 1 to ${version - 1}`
  })
}
