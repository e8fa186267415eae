/**
 * A durable job scheduler for Effect programs. One namespace per word, in the order in which data flows through them:
 * *task → trigger → job → plan → run → claim → execute → settle*.
 *
 * @since 0.1.0
 */

/** What to do. */
export * as Task from "./Task.ts"

/** When. */
export * as Trigger from "./Trigger.ts"

/** A Task with a payload, a Trigger and policies, kept under an id. */
export * as Job from "./Job.ts"

/** What happens when occurrences collide, are missed, fail or take too long. */
export * as Policy from "./Policy.ts"

/** What follows a run. */
export * as Continuation from "./Continuation.ts"

/** One execution. */
export * as Run from "./Run.ts"

/** What was decided about an occurrence. */
export * as Verdict from "./Verdict.ts"

/** All jobs of a store as lines of text. */
export * as Snapshot from "./Snapshot.ts"

/** The contract of the places where jobs live. */
export * as JobStore from "./JobStore.ts"

/** Jobs in the memory of this process. */
export * as MemoryJobStore from "./stores/MemoryJobStore.ts"

/** The contract of those who carry out runs. */
export * as Executor from "./Executor.ts"

/** Runs as fibers of this process. */
export * as FiberExecutor from "./executors/FiberExecutor.ts"

/** The service that ties them together. */
export * as Scheduler from "./Scheduler.ts"

/** A set of jobs in code, and the store brought to it. */
export * as DeclaredJobs from "./DeclaredJobs.ts"

/** What happens in a scheduler. */
export * as SchedulerEvent from "./SchedulerEvent.ts"

/** What it measures of itself. */
export * as SchedulerMetric from "./SchedulerMetric.ts"

/** What it can fail with. */
export * as SchedulerError from "./SchedulerError.ts"
