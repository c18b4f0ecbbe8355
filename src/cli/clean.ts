/**
 * Other people's text on a terminal. A model, a user name or a provider's message may carry escape
 * sequences, line breaks or characters that turn the direction of writing; `util.stripVTControlCharacters`
 * leaves carriage returns, backspaces and bidi controls in place (reliability A7), so nothing of the kind
 * is let through at all.
 */

// Controls (C0, DEL, C1), format characters (bidi, zero width, tags), line and paragraph separators, and
// halves of surrogate pairs.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

const NOT_PLAIN = /[^ -~]/

/** The text on one line, every control and format character replaced by U+FFFD. */
export function cleanForTerminal(text: string): string {
  // Nearly every name is plain ASCII, and this is the quicker question.
  return NOT_PLAIN.test(text) ? text.replace(UNSAFE, '\ufffd') : text
}
