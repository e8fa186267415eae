/**
 * The contract between the engine and the places where jobs, runs and verdicts live.
 *
 * A store keeps encoded rows and never decodes them: triggers, payloads and policies are text that it hands back as it got it.
 * Every instant is an integer of epoch milliseconds, and every verb that depends on time takes `now`, so that the same call means the
 * same under a test clock, a live clock and a database with a clock of its own. No function crosses the contract: the engine reads
 * what is due, decides in plain code, and commits the decision under the job's revision.
 *
 * **When to use**
 *
 * Provide one of the layers that ship with the library (`MemoryJobStore`, `SqliteJobStore`), or implement `Service` and run the
 * conformance suite of `effect-scheduler/testing` against it.
 *
 * **Gotchas**
 *
 * A reply can be lost after the store did its work. Every verb is therefore safe to call again with the same arguments: `commit`
 * answers `stale`, `insertJobs` answers `exists`, `enqueue` answers `duplicate`, `settle` answers `already`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { StoreError } from "./SchedulerError.ts"

/**
 * What a store can do beyond the verbs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Capabilities {
  /** Other processes may work on the same rows: nodes keep leases, and wait with polling as a fallback. */
  readonly shared: boolean
  /** Signals reach other processes without polling. */
  readonly push: boolean
  /** Verbs join the caller's open database transaction. */
  readonly transactions: boolean
  /** What a confirmed write survives. */
  readonly durability: "none" | "process" | "power"
  /** `enqueue` can claim what it adds: a run that nobody stands before is spared the way through the queue. `false` unless told. */
  readonly claimsOnArrival?: boolean | undefined
}

/**
 * Whether a job is planned: `done` (its trigger has no further instant) and `quarantined` jobs have no `nextDue`, and neither has a
 * `paused` one, unless its pause has an end.
 *
 * @category models
 * @since 0.1.0
 */
export type JobState = "active" | "paused" | "done" | "quarantined"

/**
 * A job as stored. `id` is unique in its store; `incarnation` is new whenever the id is added again after a removal; `revision` grows by
 * one with every change and is what `commit` compares.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobRow {
  readonly id: string
  readonly incarnation: string
  readonly revision: number
  readonly task: string
  /** `executor/task`: which nodes can run it. */
  readonly lane: string
  /** JSON of the trigger's specification. */
  readonly trigger: string
  /** JSON of the encoded payload. */
  readonly payload: string
  /** The version of the Task that encoded the payload. */
  readonly taskVersion: number
  /** JSON of the job's policy. */
  readonly policy: string
  /** JSON array of strings. */
  readonly tags: string
  /** JSON object. */
  readonly metadata: string
  /** The instant from which the trigger counts. */
  readonly anchor: number
  /** Everything up to here is decided; `null`: nothing is. */
  readonly cursor: number | null
  readonly nextNominal: number | null
  /**
   * When the planner must look at the job, whatever its state: when an active job's next occurrence is due, or when a pause ends; else
   * `null`.
   */
  readonly nextDue: number | null
  readonly state: JobState
  /** JSON of why, by whom and until when the job was paused, or why it was quarantined. */
  readonly pause: string | null
  /** JSON of one-time exceptions, such as an occurrence to skip. */
  readonly overrides: string | null
  /** Version of the time-zone database that `nextNominal` was computed with. */
  readonly tz: string
  readonly created: number
  readonly updated: number
}

/**
 * Where a run stands.
 *
 * - `ready`: claimable, in the order of `orderAt`
 * - `waiting`: becomes ready at `readyAt` (a retry, a delayed start)
 * - `blocked`: becomes ready when another run of its job ends, or when there is a place under each of its limits
 * - `running`: claimed by `node` under `fence`
 * - `done`: ended with `outcome`
 *
 * A run is *going* in all states but `done`. It is *admitted* in its family, the runs of its job's incarnation, unless it is `done`, or
 * `blocked` by others of its family.
 *
 * @category models
 * @since 0.1.0
 */
export type RunState = "ready" | "waiting" | "blocked" | "running" | "done"

/**
 * At most `max` runs that carry the `key` have a place under it, whichever job they belong to, and only those that have a place under each
 * of their limits are `ready` or `running`.
 *
 * **Details**
 *
 * A run takes its places one after another, in ascending order of keys, and keeps those it has while it is `blocked` for the next. As all
 * take them in this order, no two wait for each other; and as each waits under one key only, those that need other places pass it by. In
 * each queue it stands from when it came to it, so that a key with many runs in wait does not stand in the way of another key's. It
 * gives its places back when it is done, and when it is to wait for an instant (`waiting`); a claim that is handed back keeps them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limit {
  readonly key: string
  /** At least 1. */
  readonly max: number
}

/**
 * A run as the engine hands it to the store: the store adds its state, its place in the queue and its fence.
 *
 * @category models
 * @since 0.1.0
 */
export interface NewRun {
  /** For a fired occurrence `job:incarnation:nominal`, which makes a second run of it impossible. */
  readonly id: string
  readonly job: string | null
  readonly incarnation: string | null
  /** The occurrence; `null` for an ad-hoc run. */
  readonly nominal: number | null
  /** The nominal instant with jitter. */
  readonly planned: number
  readonly origin: "trigger" | "adhoc" | "manual" | "backfill" | "continuation"
  readonly task: string
  /** The version of the Task that encoded the payload. */
  readonly taskVersion: number
  readonly lane: string
  readonly payload: string
  readonly policy: string
  /** Do not start before this instant; `null`: at once. */
  readonly readyAt: number | null
  /** Milliseconds by which the run is moved ahead in the queue: `orderAt = readyAt - boost`. */
  readonly boost: number
  /**
   * How many runs of the job's incarnation may be admitted at once, this one included; `null`: no bound (nor is there one without a job
   * and an incarnation). A run above it starts out `blocked`.
   */
  readonly serial: number | null
  /** What it shares with other runs: each key once, and in ascending order, in which a store keeps them. */
  readonly limits: ReadonlyArray<Limit>
  /** Never run a second time: if the node that claimed it is lost, the run ends as `abandoned`. */
  readonly atMostOnce: boolean
  /** At most one run has a given key at a time. */
  readonly uniqueKey: string | null
  /** For how long the run has its key: until it is done (`going`), or until it is claimed for the first time (`queued`). */
  readonly uniqueWhile: "going" | "queued"
  /** For how many milliseconds the run is remembered once it is done. */
  readonly retention: number
  /** Trace and span id of what created the run. */
  readonly trace: string | null
  readonly created: number
}

/**
 * A run as stored.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunRow extends NewRun {
  readonly state: RunState
  /** Place in the queue: set exactly while the run is `ready`. */
  readonly orderAt: number | null
  /** Grows by one with every claim, and again when a claim is taken away (`reap`, `leave`), so that its late settlement is `stale`. */
  readonly fence: number
  /** Attempts that have ended and count. */
  readonly attempt: number
  /** JSON array of the attempts that ended: instant and encoded error. */
  readonly attempts: string
  /** The node that holds the run: set exactly while it is `running`. */
  readonly node: string | null
  /** JSON of why and by whom cancellation was asked for. */
  readonly cancel: string | null
  readonly claimed: number | null
  readonly started: number | null
  readonly finished: number | null
  readonly outcome: string | null
  /** JSON of the encoded success, error or defect. */
  readonly result: string | null
  /** JSON of what its handler last reported. */
  readonly progress: string | null
  /** JSON of the lines that its handler wrote. */
  readonly log: string | null
  /** When the row may be forgotten: `finished + retention`, whichever verb ended the run; `null` while it is going. */
  readonly expiresAt: number | null
}

/**
 * What was decided about a stretch `(from, to]` of a job's time line in which nothing was fired. Fired occurrences are runs.
 *
 * @category models
 * @since 0.1.0
 */
export interface VerdictRow {
  readonly job: string
  readonly incarnation: string
  /** Exclusive; `null`: from the beginning. */
  readonly from: number | null
  /** Inclusive. */
  readonly to: number
  readonly kind: "coalesced" | "skipped" | "missed"
  readonly reason: string
  /** The run into which the stretch was coalesced, or which stood in its way. */
  readonly ref: string | null
  /** JSON of what the decision goes back to, such as why and by whom the job was paused. */
  readonly note: string | null
  /** How many occurrences the stretch holds, where that is known. */
  readonly count: number | null
  readonly decided: number
  readonly node: string
}

/**
 * Why and by whom a cancellation was asked for.
 *
 * @category models
 * @since 0.1.0
 */
export interface CancelRequest {
  readonly reason: string
  readonly by: string
}

/**
 * A decision about one job. It is carried out wholly, or not at all when the job's incarnation or revision is no longer the expected one.
 *
 * **Details**
 *
 * The order inside a change: the job row, then `cancel`, then `runs`, then `verdicts`. So the new runs of a `cancelRunning` decision
 * are not cancelled themselves.
 *
 * @category models
 * @since 0.1.0
 */
export interface Change {
  readonly job: string
  readonly incarnation: string
  /** The revision on which the decision was made. */
  readonly revision: number
  readonly update:
    /** What planning changes. */
    | {
      readonly _tag: "Advance"
      readonly cursor: number | null
      readonly nextNominal: number | null
      readonly nextDue: number | null
      readonly state: JobState
      readonly updated: number
    }
    /** Any other change: the whole row; its `id`, `incarnation`, `revision` and `created` are not written. */
    | { readonly _tag: "Replace"; readonly row: JobRow }
    /** The job goes, as by `Delete`, and another one has its id: the whole row but its `id` and `revision`. */
    | { readonly _tag: "Renew"; readonly row: JobRow }
    | { readonly _tag: "Delete" }
  readonly verdicts: ReadonlyArray<VerdictRow>
  readonly runs: ReadonlyArray<NewRun>
  /** Cancels every run of this incarnation that was going before the change, as the verb `cancel` would. */
  readonly cancel: CancelRequest | null
}

/**
 * Selects jobs, in ascending order of id.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobQuery {
  readonly ids?: ReadonlyArray<string>
  readonly task?: string
  readonly state?: JobState
  /** Only jobs whose `tz` is another one. */
  readonly exceptTz?: string
  /** Only ids that begin with this text. */
  readonly prefix?: string
  /** Keyset: only ids greater than this one (in code-unit order; a database may compare by code point). */
  readonly after?: string
  readonly limit: number
}

/**
 * Selects runs: those that are going first, then the others with the last finished first; ties by descending id.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunQuery {
  readonly ids?: ReadonlyArray<string>
  readonly job?: string
  readonly incarnation?: string
  readonly task?: string
  /** `true`: only runs that are going; `false`: only those that are done. */
  readonly going?: boolean
  /** Only runs that are done with one of these outcomes. */
  readonly outcomes?: ReadonlyArray<string>
  /** Only the run that has this unique key. */
  readonly uniqueKey?: string
  /** Keyset: the last row of the page before. */
  readonly after?: { readonly finished: number | null; readonly id: string }
  readonly limit: number
}

/**
 * Selects verdicts of a job, the newest stretch first.
 *
 * @category models
 * @since 0.1.0
 */
export interface VerdictQuery {
  readonly job: string
  readonly incarnation?: string
  /** Only the stretch that holds this instant. */
  readonly at?: number
  /** Keyset: only stretches that end before this instant. */
  readonly before?: number
  readonly limit: number
}

/**
 * A due job, with what its overlap policy must know.
 *
 * @category models
 * @since 0.1.0
 */
export interface DueJob {
  readonly job: JobRow
  /** How many runs of this incarnation are going. */
  readonly going: number
  /** The newest of them (the greatest `planned`, then id), for the record of what stood in the way. */
  readonly latest: string | null
}

/**
 * How an attempt ended, as far as the store is concerned. The store compares `fence`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settlement {
  readonly run: string
  readonly fence: number
  readonly next:
    /** The run is over. */
    | {
      readonly _tag: "Done"
      readonly outcome: string
      readonly result: string | null
      readonly started: number | null
      readonly finished: number
      readonly attempt: number
      readonly attempts: string
    }
    /** Another attempt at `readyAt`. */
    | {
      readonly _tag: "Retry"
      readonly readyAt: number
      readonly started: number | null
      readonly attempt: number
      readonly attempts: string
    }
    /** The claim is handed back as if it had not been made (shutdown, no handler): ready again at once. */
    | { readonly _tag: "Release" }
  /** Runs that follow from this one, enqueued in the same transaction. */
  readonly follow: ReadonlyArray<NewRun>
  /** The run has neither a job nor limits, so that no other run waits for its end: a store may take a shorter way then. */
  readonly isAlone?: boolean
}

/**
 * What became of a settlement; see `settle`.
 *
 * @category models
 * @since 0.1.0
 */
export type Settled = "ok" | "cancelled" | "already" | "stale"

/**
 * A wish to take from the bucket of a rate.
 *
 * @category models
 * @since 0.1.0
 */
export interface Want {
  /** Names the bucket. */
  readonly key: string
  /** In how many milliseconds the bucket regains one; may be a fraction. */
  readonly interval: number
  /** How many it holds when it is full; at least 1. */
  readonly burst: number
  /** How many are wanted. */
  readonly n: number
}

/**
 * What was granted of a wish.
 *
 * @category models
 * @since 0.1.0
 */
export interface Granted {
  /** At most as many as were wanted. */
  readonly granted: number
  /** From when there is one more. */
  readonly next: number
}

/**
 * A process that works on the store. `id` is unique per start.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeRow {
  readonly id: string
  readonly host: string
  readonly pid: number
  /** The last instant of the lease: from the millisecond after it (`now > expiresAt`), the node's claims may be taken over. */
  readonly expiresAt: number
}

/**
 * A claim that a node holds as far as the store knows.
 *
 * @category models
 * @since 0.1.0
 */
export interface Held {
  readonly run: string
  readonly fence: number
  /** JSON of the cancellation that was asked for. */
  readonly cancel: string | null
}

/**
 * A hint that something happened; hints may be lost or repeated.
 *
 * - `jobs`: a job was added, or changed by something else than planning (`Advance`): one may be due sooner than was known. What planning changes was due,
 *   and is due later then, so that whoever waits for it still looks in time
 * - `ready`: a run became claimable, or will at an instant that was not known before
 * - `cancel`: the running runs named were flagged for cancellation
 * - `settled`: the runs named are done
 *
 * @category models
 * @since 0.1.0
 */
export type Signal =
  | { readonly _tag: "jobs" }
  | { readonly _tag: "ready" }
  | { readonly _tag: "cancel"; readonly runs: ReadonlyArray<string> }
  | { readonly _tag: "settled"; readonly runs: ReadonlyArray<string> }

/**
 * An open transaction of the caller's.
 *
 * @category models
 * @since 0.1.0
 */
export interface Transaction {
  /** Runs an effect once the outermost transaction has been committed, and never if it is rolled back. */
  readonly afterCommit: (effect: Effect.Effect<void>) => Effect.Effect<void>
}

/**
 * The verbs of a store.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  readonly capabilities: Capabilities

  /** The caller's open transaction, which verbs would join; always `undefined` where the capability `transactions` is false. */
  readonly transaction: Effect.Effect<Transaction | undefined>

  /**
   * The store's own clock in epoch milliseconds, where it has one that all nodes can ask: they go by it then, and machines whose clocks
   * differ agree on what is due and whose lease is over. `undefined` where all nodes are on one machine.
   */
  readonly clock?: Effect.Effect<number, StoreError> | undefined

  /** Adds the jobs whose ids are free. One transaction. Signals `jobs`. */
  readonly insertJobs: (
    rows: ReadonlyArray<JobRow>
  ) => Effect.Effect<ReadonlyArray<"inserted" | "exists">, StoreError>

  readonly jobs: (query: JobQuery) => Effect.Effect<ReadonlyArray<JobRow>, StoreError>

  /**
   * The jobs with `nextDue <= now`, the longest due first, at most `limit`; and the smallest `nextDue` beyond `now`, or `null`. When
   * `limit` jobs are answered there may be more: ask again; `next` need not be known then and may be `null`. Reads only.
   */
  readonly due: (request: { readonly now: number; readonly limit: number }) => Effect.Effect<{
    readonly jobs: ReadonlyArray<DueJob>
    readonly next: number | null
  }, StoreError>

  /**
   * Carries out decisions, each wholly or not at all. `ok` adds one to the job's revision.
   *
   * - A new run whose id exists is left as it is: an occurrence is never decided twice. One whose unique key a going run has is left
   *   out as well.
   * - A new run is `blocked` when as many runs of its job's incarnation as its `serial` allows are admitted; else `waiting` when its
   *   `readyAt` is beyond `now`; else it takes its places, and is `blocked` when one of its limits is full; else `ready` with
   *   `orderAt = (readyAt ?? planned) - boost`. Runs that are cancelled by any of the changes have gone before.
   * - A verdict that continues the job's last one (its `from` is that one's `to`, and kind, reason, ref and note are equal) extends
   *   it: `to` moves, counts add up (an unknown count makes the sum unknown), the rest stays.
   *
   * Signals `jobs`, `ready` when a run was added, `cancel` and `settled` as `cancel` does.
   */
  readonly commit: (request: {
    readonly changes: ReadonlyArray<Change>
    readonly now: number
  }) => Effect.Effect<ReadonlyArray<"ok" | "stale">, StoreError>

  /**
   * Adds runs. `duplicate`: the id is known, or another run has the unique key. With `replace`, a new run takes the place of the one that
   * has its unique key, if that one was never claimed: it is `replaced` in all but its id, and let in as a new run is; then others move up
   * where it has freed something. Signals `ready`.
   *
   * With a `node`, a lone run that would be ready is claimed for that node as it is added, if no run of its lane is ready, and none waits whose
   * `readyAt` has come: `claimed`, and it is then as `claim` would have left it (its `fence` is 1). Nobody is told of it. What goes for
   * `claim` goes for this too: the node has a lease. A run with a job, with limits, or with a unique key that is given up with the first claim is
   * added as ever; so is each one without the capability `claimsOnArrival`, in a transaction of the caller's, and with `replace`.
   */
  readonly enqueue: (request: {
    readonly runs: ReadonlyArray<NewRun>
    readonly replace?: boolean
    readonly node?: string | undefined
    readonly now: number
  }) => Effect.Effect<ReadonlyArray<"added" | "claimed" | "replaced" | "duplicate">, StoreError>

  /**
   * Takes from the buckets of rates, in the order given. What was granted in a reply that was lost is gone until the bucket regains it.
   */
  readonly take: (request: {
    readonly wants: ReadonlyArray<Want>
    readonly now: number
  }) => Effect.Effect<ReadonlyArray<Granted>, StoreError>

  /**
   * Claims up to `limit` ready runs of the lanes, by `orderAt`, then id: state `running`, `fence + 1`, `node`, `claimed = now`; one with
   * `uniqueWhile: "queued"` gives up its unique key for good. Waiting runs whose `readyAt` has come are made ready first (`orderAt =
   * readyAt - boost`); those with limits, by `readyAt`, then id, take their places as new ones do. `next` is the smallest `readyAt` that is
   * still in the future, or `null`.
   *
   * With a `limit` of 0 it only looks, which a node may do without a lease: nothing is claimed, and `next` is `now` when a run of the
   * lanes is ready.
   *
   * Of a lane in `upTo` no run with a greater `taskVersion` is claimed, nor counts as ready: those behind it are, as long as no more than
   * a thousand such runs stand before them; a store need not look further. A node names only lanes in which it has met runs that it
   * cannot read, so the others cost nothing.
   */
  readonly claim: (request: {
    readonly node: string
    readonly lanes: ReadonlyArray<string>
    readonly upTo?: ReadonlyMap<string, number> | undefined
    readonly limit: number
    readonly now: number
  }) => Effect.Effect<{ readonly runs: ReadonlyArray<RunRow>; readonly next: number | null }, StoreError>

  /**
   * Records how attempts ended. Whenever runs end, by whatever verb, others move up. That happens once all runs that the verb ends have
   * ended, and before `follow` is enqueued:
   *
   * 1. Where places are free, those that wait under the key take them, up to the first for which its own limit is still full: by the
   *    `orderAt` that they would have had when they came to wait there, then id. The greatest key is served first. Whoever has all
   *    places is ready, with `orderAt = now - boost`.
   * 2. The blocked runs of the same job's incarnation (by `planned`, then id, up to the first that must stay) pass while their `serial`
   *    allows it: they are waiting, if their `readyAt` is beyond `now`; else they take their places; else they are ready with `orderAt =
   *    planned - boost`.
   *
   * A run retried at an instant that is not beyond `now` is ready at once; a released one is ready with
   * `orderAt = (readyAt ?? planned) - boost` and has no `claimed`.
   *
   * - `ok`: recorded
   * - `cancelled`: recorded, and the run is over: it was flagged for cancellation
   * - `already`: this very settlement was recorded before (same fence, and the run is done, waiting, ready or blocked since)
   * - `stale`: somebody else claimed the run since, or it is gone; nothing was changed
   *
   * A `Release` or `Retry` of a run that is flagged for cancellation ends it as `cancelled` instead, at `now`, and its `follow` is left out; a
   * `Retry` still records its attempt. Signals `settled`, `ready`.
   */
  readonly settle: (request: {
    readonly settlements: ReadonlyArray<Settlement>
    readonly now: number
  }) => Effect.Effect<ReadonlyArray<Settled>, StoreError>

  /** Keeps what a handler reports while it runs; ignored unless `fence` is the current claim. What is left out stays as it is. */
  readonly note: (request: {
    readonly run: string
    readonly fence: number
    readonly progress?: string
    readonly log?: string
  }) => Effect.Effect<void, StoreError>

  /**
   * Asks for the end of runs: those that are not running end at once as `cancelled`, running ones are flagged (the first request is
   * kept). Selects by ids, or all that are going of some jobs, or of one job (of one incarnation, if it is given). `flagged` names every
   * selected run that is running, so that a second call still tells whom to wait for. Signals `cancel`, `settled`, `ready`.
   */
  readonly cancel: (request: {
    readonly runs?: ReadonlyArray<string>
    readonly jobs?: ReadonlyArray<string>
    readonly job?: string
    readonly incarnation?: string
    readonly request: CancelRequest
    readonly now: number
  }) => Effect.Effect<{
    readonly settled: ReadonlyArray<string>
    readonly flagged: ReadonlyArray<string>
  }, StoreError>

  /**
   * Makes runs that are done go again, with their id, payload and fence, as if nothing had been attempted: `attempt`, `attempts`, `readyAt`,
   * `cancel`, `claimed`, `started`, `finished`, `outcome`, `result` and `expiresAt` are as those of a new run, and it is let in as a new run
   * is. What it has reported stays.
   *
   * - `revived`: it goes again
   * - `going`: it is not done, or named before
   * - `gone`: there is no such run
   * - `duplicate`: another run has its unique key
   *
   * Signals `ready`.
   */
  readonly revive: (request: {
    readonly runs: ReadonlyArray<string>
    readonly now: number
  }) => Effect.Effect<ReadonlyArray<"revived" | "going" | "gone" | "duplicate">, StoreError>

  readonly runs: (query: RunQuery) => Effect.Effect<ReadonlyArray<RunRow>, StoreError>
  readonly verdicts: (query: VerdictQuery) => Effect.Effect<ReadonlyArray<VerdictRow>, StoreError>

  /** Renews the node's lease, and answers with what the store thinks it holds. One that comes late does not make the lease end sooner. */
  readonly beat: (node: NodeRow) => Effect.Effect<ReadonlyArray<Held>, StoreError>

  /** The node is gone in order: its lease ends, and what it still holds is handed back as by `reap`. */
  readonly leave: (request: { readonly node: string; readonly now: number }) => Effect.Effect<void, StoreError>

  /**
   * Takes the claims of nodes which the store knows to be gone (a dead process of this host) and, with `includeExpired`, of nodes
   * whose lease is over (`now > expiresAt`): at most `limit` runs become ready again, those that must not run twice end as `abandoned`, those flagged
   * for cancellation too. Such nodes are forgotten when nothing is left to them. A node beats before it claims: with `includeExpired`,
   * claims of a node that has no lease are taken as well.
   * Answers with the ids. Signals `ready`, `settled`.
   */
  readonly reap: (request: {
    readonly now: number
    /** False while this node itself has not been in good health for a whole lease: then nobody's silence means anything. */
    readonly includeExpired: boolean
    readonly limit: number
  }) => Effect.Effect<{
    readonly released: ReadonlyArray<string>
    readonly abandoned: ReadonlyArray<string>
  }, StoreError>

  /**
   * Forgets, at most `limit` of each: done runs with `expiresAt <= now`; of each task of `keep`, the done runs beyond its newest `count`,
   * of those that are not `isRecalled`;
   * verdicts that end before `before`; buckets that are full. Jobs are never forgotten: a `done` job is what keeps a declared one-off from
   * running again. Answers with how many runs and verdicts went.
   */
  readonly sweep: (request: {
    readonly now: number
    readonly before: number
    readonly keep?: ReadonlyArray<{ readonly task: string; readonly count: number }>
    readonly limit: number
  }) => Effect.Effect<number, StoreError>

  /** Hints for idle nodes, those of this process among them. A subscriber gets those published after it began to pull; it does not end. */
  readonly signals: Stream.Stream<Signal>
}

/**
 * What the id of a throttled request's run begins with.
 *
 * @category constants
 * @since 0.1.0
 */
export const throttled = "throttle:"

/**
 * Whether somebody may ask for the run again under its id: what follows another run, or stands for a window of time. While it is remembered that
 * changes nothing, so it is remembered for its whole `retention`, however many there are.
 *
 * @category guards
 * @since 0.1.0
 */
export const isRecalled = ({ id, origin }: Pick<NewRun, "id" | "origin">): boolean =>
  origin === "continuation" || id.startsWith(throttled)

/**
 * Where jobs, runs and verdicts live.
 *
 * @category services
 * @since 0.1.0
 */
export class JobStore extends Context.Service<JobStore, Service>()("effect-scheduler/JobStore") {}
