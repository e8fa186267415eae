/**
 * One incarnation of a job after the fact: each occurrence that was due must have exactly one verdict, a run or a stretch.
 */

/** `(from, to]` in which nothing was fired. */
export interface Stretch {
  readonly from: number
  readonly to: number
}

/** What is wrong with a time line; nothing is when the fired instants and the stretches tile it. */
export const untiled = ({ fired, job, required, stretches }: {
  readonly job: string
  /** The occurrences that had to be decided, from a source other than the library. */
  readonly required: ReadonlyArray<number>
  readonly fired: ReadonlyArray<number>
  readonly stretches: ReadonlyArray<Stretch>
}): ReadonlyArray<string> => {
  const wrong: Array<string> = []
  const ordered = stretches.toSorted((a, b) => a.from - b.from || a.to - b.to)
  for (let i = 1; i < ordered.length; i++) {
    if (ordered[i]!.from < ordered[i - 1]!.to) wrong.push(`verdicts of ${job} overlap at ${ordered[i]!.from}`)
  }
  if (new Set(fired).size !== fired.length) wrong.push(`an occurrence of ${job} fired twice`)
  const isRequired = new Set(required)
  const isFired = new Set(fired)
  for (const at of fired) if (!isRequired.has(at)) wrong.push(`${job} fired at ${at}, which is no occurrence`)
  for (const at of required) {
    const verdicts = ordered.filter(({ from, to }) => from < at && at <= to).length + (isFired.has(at) ? 1 : 0)
    if (verdicts !== 1) wrong.push(`the occurrence ${at} of ${job} has ${verdicts} verdicts`)
  }
  return wrong
}
