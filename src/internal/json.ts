/**
 * Stored JSON text, read without trust.
 */

/** The value, or the text itself where it is none. */
export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
