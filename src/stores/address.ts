/**
 * Where a server is, as a user wrote it: what cannot be meant is said at once, for a connection to it fails late and in words of its own.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"

/** The address, or why it is none. What is refused is not shown: there may be a password in it. */
export const parse = (
  text: string,
  protocols: ReadonlyArray<string>,
  example: string
): Result.Result<URL, string> => {
  const refuse = (what: string) =>
    Result.fail(
      `url: got ${what}, expected one such as ${example}, in which characters of a password that mean something in a URL are ` +
        "written as %40 is for @"
    )
  const url = URL.parse(text)
  if (url === null) return refuse("a text that is no URL")
  if (!protocols.includes(url.protocol)) return refuse(`one that begins with ${url.protocol}`)
  try {
    for (const part of [url.username, url.password, url.pathname]) decodeURIComponent(part)
  } catch {
    return refuse("one with a % that stands for nothing")
  }
  return Result.succeed(url)
}
