/**
 * Server-sent events as the tests read them: written apart from the program's own reader, and stricter.
 * What aiproxy writes must be plain: LF line ends, one blank line after each event.
 */

export interface Frame {
  /** The `event:` field, '' where there was none. */
  readonly event: string
  /** The `data:` lines, joined by LF. */
  readonly data: string
}

/** All events of a whole stream. Throws where a frame is unfinished or a line is no field. */
export function readFrames(text: string): Frame[] {
  if (text === '') return []
  if (!text.endsWith('\n\n')) {
    throw new Error(`the stream ends inside a frame: ${JSON.stringify(text.slice(-200))}`)
  }
  return text
    .slice(0, -2)
    .split('\n\n')
    .flatMap((block) => readFrame(block))
}

/** One frame's text, without its blank line; a frame of comments only is no event. */
export function readFrame(block: string): Frame[] {
  let event = ''
  const data: string[] = []
  for (const line of block.split('\n')) {
    if (line.startsWith(':')) continue
    const colon = line.indexOf(':')
    if (colon < 0) throw new Error(`not a field: ${JSON.stringify(line)}`)
    const field = line.slice(0, colon)
    const value = line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') event = value
    else if (field === 'data') data.push(value)
    else throw new Error(`unexpected field: ${JSON.stringify(line)}`)
  }
  return data.length === 0 ? [] : [{ event, data: data.join('\n') }]
}
