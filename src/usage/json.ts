/**
 * JSON that is safe to look at. JSON.stringify escapes C0 controls and lone surrogates and nothing else: DEL
 * and C1 controls still move a cursor, bidi controls turn text round, U+2028 and U+2029 end a line for some
 * readers (reliability §0.8, A7).
 */

const NOT_PLAIN = /[^ -~]/

/** JSON text, as JSON.stringify made it, with every control and format character in it \u-escaped. */
export function escapeJson(json: string): string {
  // Nearly every log line is plain ASCII, and this is the quicker question.
  if (!NOT_PLAIN.test(json)) return json
  return json.replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => {
    let escaped = ''
    for (let i = 0; i < char.length; i++) {
      escaped += `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`
    }
    return escaped
  })
}
