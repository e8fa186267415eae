/**
 * What is noted about a job besides its definition, as its row keeps it: one-time exceptions, and since when its failures count.
 */
export interface Overrides {
  /** Nominal instants of occurrences that somebody asked to skip. */
  readonly skip: ReadonlyArray<number>
  /** Occurrences that somebody moved: the nominal instant, and when it is due instead. */
  readonly move: ReadonlyArray<readonly [nominal: number, due: number]>
  /** Failures up to here do not count any more: the job was resumed, or changed. */
  readonly forgiven?: number
  /** Past occurrences were run again: a removal has to look for such runs. */
  readonly backfilled?: true
}

const none: Overrides = { skip: [], move: [] }

export const decodeOverrides = (text: string | null): Overrides => {
  if (text === null) return none
  try {
    return { ...none, ...JSON.parse(text) as Partial<Overrides> }
  } catch {
    return none
  }
}

/** As text, without the exceptions that are decided; `null` when nothing is left. */
export const encodeOverrides = (
  { backfilled, forgiven, move, skip }: Overrides,
  cursor: number | null
): string | null => {
  const ahead = (nominal: number) => cursor === null || nominal > cursor
  const left: Partial<Overrides> = {
    ...(skip.some(ahead) ? { skip: skip.filter(ahead) } : {}),
    ...(move.some(([nominal]) => ahead(nominal)) ? { move: move.filter(([nominal]) => ahead(nominal)) } : {}),
    ...(forgiven === undefined ? {} : { forgiven }),
    ...(backfilled === undefined ? {} : { backfilled })
  }
  return Object.keys(left).length === 0 ? null : JSON.stringify(left)
}
