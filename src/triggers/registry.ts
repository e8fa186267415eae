/**
 * What triggers refer to by name: kinds that somebody else wrote, and calendars that several jobs share.
 *
 * @since 0.1.0
 */
import * as Bounded from "./bounded.ts"
import type { CalendarSpec } from "./calendars/compile.ts"
import type { Definition } from "./custom.ts"
import { show, TriggerError } from "./error.ts"

/**
 * A calendar as a registry holds it.
 *
 * @category models
 * @since 0.1.0
 */
export interface SharedCalendar {
  readonly spec: CalendarSpec
  /** Says that the calendar is another one than before: jobs planned with another version are planned anew. */
  readonly version: string
}

/**
 * The custom kinds and shared calendars that a program knows. It never changes: an edited calendar makes another registry.
 *
 * @category models
 * @since 0.1.0
 */
export interface Registry {
  readonly kinds: ReadonlyMap<string, Definition>
  readonly calendars: ReadonlyMap<string, SharedCalendar>
}

/** @internal */
export const empty: Registry = { kinds: new Map(), calendars: new Map() }

/** Both together; what the second knows by a name wins. */
export const merge = (one: Registry, other: Registry): Registry => {
  if (one === other || other === empty) return one
  if (one === empty) return other
  return {
    kinds: new Map([...one.kinds, ...other.kinds]),
    calendars: new Map([...one.calendars, ...other.calendars])
  }
}

/**
 * Looks names up while a trigger is compiled.
 *
 * @internal
 */
export interface Names {
  readonly kind: (name: string) => Definition
  /** The calendar of this name; for the time of `use` the name may not be looked up again. */
  readonly calendar: <A>(name: string, use: (spec: CalendarSpec) => A) => A
}

/**
 * The names of a registry. `onAsked` is called when one is looked up, found or not.
 *
 * @internal
 */
export const names = (registry: Registry, onAsked: () => void): Names => {
  const open = new Set<string>()
  return {
    kind(name) {
      onAsked()
      const found = registry.kinds.get(name)
      if (found === undefined) throw unknown("custom", name, "the name of a kind that the registry knows")
      return found
    },
    calendar(name, use) {
      onAsked()
      const found = registry.calendars.get(name)
      if (found === undefined) throw unknown("calendar", name, "the name of a calendar that the registry knows")
      if (open.has(name)) {
        throw new TriggerError({
          reason: "option",
          field: "calendar",
          value: show(name),
          expected: "a calendar that does not refer to itself"
        })
      }
      open.add(name)
      try {
        return use(found.spec)
      } finally {
        open.delete(name)
      }
    }
  }
}

const unknown = (field: string, name: string, expected: string): TriggerError =>
  new TriggerError({ reason: "unknown", field, value: show(name), expected })

/** What is kept for each registry, for as long as the registry is. */
const caches = new WeakMap<Registry, Bounded.Bounded<string, object>>()

/**
 * The cache of triggers that mean something only together with this registry.
 *
 * @internal
 */
export const cacheOf = (registry: Registry): Bounded.Bounded<string, object> => {
  let cache = caches.get(registry)
  if (cache === undefined) {
    cache = Bounded.make(4096)
    caches.set(registry, cache)
  }
  return cache
}

/**
 * The versions of the calendars that a specification refers to, directly or through other calendars. Those that the
 * registry does not know have none.
 *
 * @internal
 */
export const calendarVersions = (spec: unknown, registry: Registry): { [name: string]: string | undefined } => {
  const versions: { [name: string]: string | undefined } = {}
  const visit = (data: unknown): void => {
    if (typeof data !== "object" || data === null) return
    if ("_tag" in data && data._tag === "custom") return
    if ("_tag" in data && data._tag === "named" && "name" in data) {
      const name = String(data.name)
      if (name in versions) return
      const known = registry.calendars.get(name)
      versions[name] = known?.version
      visit(known?.spec)
    } else {
      Object.values(data).forEach(visit)
    }
  }
  visit(spec)
  return versions
}
