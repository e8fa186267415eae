/**
 * The closed family of errors that the scheduler, its stores and its words can fail with.
 *
 * Each names the field, shows the value and says what would be right. Bugs are defects and are not listed here.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * An option, payload or id that was refused at the door. Nothing was written.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidOption extends Schema.TaggedError<InvalidOption>()("InvalidOption", {
  /** The option as the caller wrote it, for example `payload.customer` or `overlap`. */
  field: Schema.String,
  /** The value that was refused, as text. */
  value: Schema.String,
  /** What would have been right. */
  expected: Schema.String
}) {
  override get message() {
    return `${this.field}: got ${this.value}, expected ${this.expected}`
  }
}

/**
 * No job has this id.
 *
 * @category errors
 * @since 0.1.0
 */
export class JobNotFound extends Schema.TaggedError<JobNotFound>()("JobNotFound", { id: Schema.String }) {
  override get message() {
    return `There is no job with id ${JSON.stringify(this.id)}`
  }
}

/**
 * No run has this id, or it is forgotten already.
 *
 * @category errors
 * @since 0.1.0
 */
export class RunNotFound extends Schema.TaggedError<RunNotFound>()("RunNotFound", { id: Schema.String }) {
  override get message() {
    return `There is no run with id ${JSON.stringify(this.id)}, or it is forgotten already`
  }
}

/**
 * A job with this id exists already and the conflict policy was `fail`.
 *
 * @category errors
 * @since 0.1.0
 */
export class JobConflict extends Schema.TaggedError<JobConflict>()("JobConflict", { id: Schema.String }) {
  override get message() {
    return `A job with id ${JSON.stringify(this.id)} exists already (conflict policy "fail"); ` +
      `use "update", "replace" or "keep", or another id`
  }
}

/**
 * Removal stopped waiting before every run of the job had ended. The job itself is gone and its runs stay flagged for cancellation.
 *
 * @category errors
 * @since 0.1.0
 */
export class RemovalTimeout extends Schema.TaggedError<RemovalTimeout>()("RemovalTimeout", {
  id: Schema.String,
  /** The runs that had not ended when the waiting stopped. */
  runs: Schema.Array(Schema.String)
}) {
  override get message() {
    return `Job ${JSON.stringify(this.id)} is removed, but ${this.runs.length} of its runs have not ended yet: ${
      this.runs.join(", ")
    }`
  }
}

/** What does not wait. */
const insteadOfWaiting: { readonly [verb: string]: string } = {
  run: "use enqueue, and ask for its result after the commit",
  remove: `give it running: "leave"`,
  removeAll: `give it running: "leave"`
}

/**
 * A verb that waits for other fibers was called inside a database transaction, where what it waits for cannot happen.
 *
 * @category errors
 * @since 0.1.0
 */
export class WaitInTransaction extends Schema.TaggedError<WaitInTransaction>()("WaitInTransaction", {
  verb: Schema.String
}) {
  override get message() {
    const instead = insteadOfWaiting[this.verb]
    return `${this.verb} waits for runs to end and cannot do so inside a transaction; call it after the commit` +
      (instead === undefined ? "" : `, or ${instead}`)
  }
}

/**
 * An awaited run ended without its handler's success or typed error.
 *
 * @category errors
 * @since 0.1.0
 */
export class RunFailed extends Schema.TaggedError<RunFailed>()("RunFailed", {
  run: Schema.String,
  /** How the run ended; see `Run.Outcome`. */
  outcome: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `Run ${this.run} ended as ${this.outcome}${this.detail === "" ? "" : `: ${this.detail}`}`
  }
}

const refusals = {
  lost: "the store has given the run to another node; nothing that was done in this attempt may stay",
  completed: "it is completed already",
  transaction:
    "no transaction is open that the run's store would join: call it inside withTransaction of the SqlClient of an SQL store",
  value: "the value does not fit the task's success Schema",
  task: "the current run is of another task"
}

/**
 * A run could not be completed in its handler's transaction. Let it fail the transaction, which is rolled back then.
 *
 * - `lost`: the run's claim was taken over, as its node was silent for too long or the run was cancelled; this attempt changes nothing any more
 * - `completed`: the run was completed before
 * - `transaction`: no transaction is open that the store would join
 * - `value`, `task`: the value, or the task, does not fit the run
 *
 * @category errors
 * @since 0.1.0
 */
export class CompletionRefused extends Schema.TaggedError<CompletionRefused>()("CompletionRefused", {
  run: Schema.String,
  reason: Schema.Literals(["lost", "completed", "transaction", "value", "task"]),
  detail: Schema.String
}) {
  override get message() {
    const { detail, reason, run } = this
    return `Run ${run} cannot be completed: ${refusals[reason]}${detail === "" ? "" : ` (${detail})`}`
  }
}

/**
 * A line of an import was refused. The jobs of the lines before it are in; nothing is of this one, and of those after it.
 *
 * @category errors
 * @since 0.1.0
 */
export class SnapshotError extends Schema.TaggedError<SnapshotError>()("SnapshotError", {
  /** The first line is 1. */
  line: Schema.Int,
  /** The field within the line, for example `next.due`; empty for the line as a whole. */
  field: Schema.String,
  /** The value that was refused, as text. */
  value: Schema.String,
  /** What would have been right. */
  expected: Schema.String
}) {
  override get message() {
    const field = this.field === "" ? "" : `, ${this.field}`
    return `Line ${this.line}${field}: got ${this.value}, expected ${this.expected}`
  }
}

/**
 * The store could not carry out a verb.
 *
 * **Details**
 *
 * `retryable` tells whether the same call may succeed later (a lock, a lost connection, a full pool, no answer within the scheduler's
 * `storeTimeout`) or cannot without somebody's help (a file that cannot be opened, a schema written by a newer version).
 *
 * Where a connection is lost, or an answer, the call may have been carried out all the same.
 *
 * @category errors
 * @since 0.1.0
 */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  verb: Schema.String,
  retryable: Schema.Boolean,
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}
