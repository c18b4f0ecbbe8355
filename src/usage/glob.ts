/** Shell patterns for names and for single path segments. */

/** One name, or one path segment, as a pattern: `*`, `?`, `[abc]`, `[!abc]`; everything else is literal. */
export function globToRegExp(glob: string): RegExp {
  let source = ''
  for (let i = 0; i < glob.length; i++) {
    const char = glob.charAt(i)
    const close = char === '[' ? glob.indexOf(']', i + 2) : -1
    if (char === '*') source += '.*'
    else if (char === '?') source += '.'
    else if (close > 0) {
      const inside = glob.slice(i + 1, close)
      const negated = inside.startsWith('!') || inside.startsWith('^')
      const set = (negated ? inside.slice(1) : inside).replace(/[\\\]^]/g, '\\$&')
      source += `[${negated ? '^' : ''}${set}]`
      i = close
    } else source += char.replace(/[\\^$.|+()[\]{}/]/g, '\\$&')
  }
  try {
    // Runs of stars would backtrack for ever on a long name.
    return new RegExp(`^${source.replace(/(?:\.\*)+/g, '.*')}$`, 'su')
  } catch {
    // A set that makes no sense, like [z-a]: taken literally.
    return new RegExp(`^${glob.replace(/[\\^$.|+()[\]{}/*?]/g, '\\$&')}$`, 's')
  }
}
