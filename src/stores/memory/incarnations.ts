/**
 * Records kept per incarnation of a job: found by job and incarnation, or all those of a job.
 *
 * A job nearly always has one incarnation with records, so they form a chain under the job's id, the newest first, instead of a map of
 * maps or a map with composite keys.
 *
 * @since 0.1.0
 */

export interface Incarnate<Self> {
  readonly job: string
  readonly incarnation: string
  /** The next record of the same job. */
  older: Self | undefined
}

export class Incarnations<A extends Incarnate<A>> {
  private readonly newest = new Map<string, A>()

  get(job: string, incarnation: string): A | undefined {
    let record = this.newest.get(job)
    while (record !== undefined && record.incarnation !== incarnation) record = record.older
    return record
  }

  *of(job: string, incarnation?: string): Generator<A> {
    for (let record = this.newest.get(job); record !== undefined; record = record.older) {
      if (incarnation === undefined || record.incarnation === incarnation) yield record
    }
  }

  getOrAdd(job: string, incarnation: string, make: (job: string, incarnation: string) => A): A {
    const head = this.newest.get(job)
    for (let known = head; known !== undefined; known = known.older) if (known.incarnation === incarnation) return known
    const record = make(job, incarnation)
    record.older = head
    this.newest.set(job, record)
    return record
  }

  delete(record: A): void {
    const head = this.newest.get(record.job)!
    if (head === record) {
      if (record.older === undefined) this.newest.delete(record.job)
      else this.newest.set(record.job, record.older)
      return
    }
    let newer = head
    while (newer.older !== record) newer = newer.older!
    newer.older = record.older
  }
}
