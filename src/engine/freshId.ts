/**
 * Names that nobody else will choose, from the Random service, so that a seeded test gets the same ones every time.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

/** 32 of them in 7 digits, from halves that are small integers: those are put into digits several times as fast. */
const word = (random: number): string => {
  const bits = Math.floor(random * 0x1_0000_0000)
  return digits(Math.floor(bits / 36 ** 3), 4) + digits(bits % 36 ** 3, 3)
}

const digits = (n: number, count: number): string => n.toString(36).padStart(count, "0")

/** For those who need many: gives another one whenever it is called. */
export const freshIds: Effect.Effect<() => string> = Effect.map(
  Random.Random,
  (random) => () => word(random.nextDoubleUnsafe()) + word(random.nextDoubleUnsafe())
)

/** 64 random bits in 14 characters. */
export const freshId: Effect.Effect<string> = Effect.map(freshIds, (fresh) => fresh())
