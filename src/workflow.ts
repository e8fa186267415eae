/**
 * `effect-scheduler/workflow`: tasks whose body is a Workflow of `effect/workflow`.
 *
 * @since 0.1.0
 */
export * as WorkflowTask from "./tasks/WorkflowTask.ts"
