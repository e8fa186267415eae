/**
 * Names that nobody else will choose, from the Random service, so that a seeded test gets the same ones every time.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

const word = (random: number): string => Math.floor(random * 0x1_0000_0000).toString(36).padStart(7, "0")

/** 64 random bits in 14 characters. */
export const freshId: Effect.Effect<string> = Effect.zipWith(Random.next, Random.next, (a, b) => word(a) + word(b))
