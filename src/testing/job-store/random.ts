/**
 * Random choices that are the same for the same seed.
 *
 * @since 0.1.0
 */
export class Choices {
  private state: number

  constructor(seed: number) {
    this.state = seed >>> 0
  }

  /** An integer from 0 up to, but without, `n`. */
  below(n: number): number {
    // mulberry32
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let t = this.state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return Math.floor(((t ^ (t >>> 14)) >>> 0) / 4294967296 * n)
  }

  /** True in so many of a hundred cases. */
  percent(n: number): boolean {
    return this.below(100) < n
  }

  pick<A>(from: ReadonlyArray<A>): A {
    return from[this.below(from.length)]!
  }

  /** Each one with the same chance, in their order. */
  some<A>(from: ReadonlyArray<A>, percent: number): Array<A> {
    return from.filter(() => this.percent(percent))
  }
}
