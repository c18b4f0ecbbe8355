/**
 * Other people's text on a terminal. A model, a user name or a provider's message may carry escape
 * sequences, line breaks or characters that turn the direction of writing; `util.stripVTControlCharacters`
 * leaves carriage returns, backspaces and bidi controls in place (reliability A7), so nothing of the kind
 * is let through at all.
 */

// ASCII, Latin letters, quotes and dashes, arrows, mathematics, lines of tables: nearly every text, and none
// of it unsafe. A pattern of Unicode's classes takes as long to compile as a small config to read.
const PLAIN = /^[ -~\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027\u2190-\u25ff]*$/

/** The text on one line, every control and format character replaced by U+FFFD. */
export function cleanForTerminal(text: string): string {
  if (PLAIN.test(text)) return text
  // Controls (C0, DEL, C1), format characters (bidi, zero width, tags), line and paragraph separators, and
  // halves of surrogate pairs.
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '\ufffd')
}
