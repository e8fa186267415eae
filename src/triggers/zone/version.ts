/**
 * Which edition of the time-zone database the platform has.
 *
 * @since 0.1.0
 */

/**
 * The version of the time-zone database, such as `"2025b"`, or `"unknown"` where the platform does not tell.
 *
 * @category zones
 * @since 0.1.0
 */
export const zoneDataVersion: string = globalThis.process?.versions?.["tz"] ?? "unknown"
