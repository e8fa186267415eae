/**
 * The stores and executors of a scheduler by their names: those that its options build, and the bare one of the context, which is the
 * default.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { InvalidOption } from "../SchedulerError.ts"

/** Layers of one service, each under the name that callers use for it. */
export interface Named<Service> {
  // oxlint-disable-next-line no-explicit-any -- errors and requirements of any kind; they flow into the scheduler's own layer
  readonly [name: string]: Layer.Layer<Service, any, any>
}

const nameExpected = "a name of 1 to 64 letters, digits, dots, dashes and underscores"
const isName = (name: string): boolean => /^[\w.-]{1,64}$/.test(name)

/**
 * Builds what has a name, in the order given, and adds the bare one under the name it has there. Layers are shared as ever: what the
 * program has built already is not built again.
 */
export const resolve = Effect.fnUntraced(function*<Id, Service>(
  field: string,
  key: Context.Key<Id, Service>,
  layers: Named<Id>,
  bare: { readonly name: string; readonly service: Service } | undefined,
  reserved: ReadonlyArray<string>,
  scope: Scope.Scope
): Effect.fn.Return<ReadonlyMap<string, Service>, InvalidOption> {
  const context = yield* Effect.context<never>()
  const memoMap = Layer.CurrentMemoMap.forkOrCreate(context)
  const found = new Map<string, Service>()
  // The default comes first wherever they are shown together.
  if (bare !== undefined && !(bare.name in layers)) found.set(bare.name, bare.service)
  for (const [name, layer] of Object.entries(layers)) {
    const at = `${field}.${name}`
    if (!isName(name)) return yield* new InvalidOption({ field, value: JSON.stringify(name), expected: nameExpected })
    if (reserved.includes(name)) {
      return yield* new InvalidOption({ field, value: name, expected: `another name: ${name} is the scheduler's own` })
    }
    // What it fails with and needs is in the type of the scheduler's layer.
    const built = yield* Layer.buildWithMemoMap(layer as Layer.Layer<Id>, memoMap, scope)
    const service = Context.get(built, key)
    for (const [other, known] of found) {
      if (known === service) {
        return yield* new InvalidOption({
          field: at,
          value: `the very one that is ${JSON.stringify(other)} already`,
          expected: "one of its own; a Layer that is named twice is built once, Layer.fresh builds another"
        })
      }
    }
    found.set(name, service)
  }
  return found
})
