/** New values as YAML or JSON text. Pure. https://yaml.org/spec/1.2.2/ */

export type Value = string | RawValue | ListValue | MapValue

/** Text that already is a valid flow node. */
export interface RawValue {
  readonly kind: 'raw'
  readonly text: string
}

export interface ListValue {
  readonly kind: 'list'
  readonly items: readonly Value[]
  /** On one line, in brackets. What stands inside is on that line too. */
  readonly inline: boolean
}

export interface MapValue {
  readonly kind: 'map'
  readonly entries: ReadonlyArray<readonly [key: string, value: Value]>
  readonly inline: boolean
}

/** How the file around it is written. */
export interface TextStyle {
  /** Every name in double quotes, and nothing but flow collections. */
  readonly json: boolean
  readonly eol: '\n' | '\r\n'
  /** One step of indent. */
  readonly unit: string
  /** What a list's dashes stand in further than its key; may be ''. */
  readonly listIndent: string
}

export function listOfValues(items: readonly Value[], inline: boolean): ListValue {
  return { kind: 'list', items, inline }
}

export function mapOfValues(entries: MapValue['entries'], inline: boolean): MapValue {
  return { kind: 'map', entries, inline }
}

/** The value on one line. */
export function renderInline(value: Value, style: TextStyle): string {
  if (typeof value === 'string') return renderScalar(value, style)
  if (value.kind === 'raw') return value.text
  if (value.kind === 'list') {
    return `[${value.items.map((item) => renderInline(item, style)).join(', ')}]`
  }
  if (value.entries.length === 0) return '{}'
  const entries = value.entries.map(
    ([key, entry]) => `${renderScalar(key, style)}: ${renderInline(entry, style)}`,
  )
  return `{ ${entries.join(', ')} }`
}

/** The value inside brackets; `indent` is that of the line it begins on. */
export function renderFlow(value: Value, indent: string, style: TextStyle): string {
  const tall = asMultiLine(value)
  if (tall === undefined) return renderInline(value, style)
  const inner = indent + style.unit
  const items =
    tall.kind === 'list'
      ? tall.items.map((item) => renderFlow(item, inner, style))
      : tall.entries.map(([key, entry]) => renderFlowPair(key, entry, inner, style))
  const [open, close] = tall.kind === 'list' ? '[]' : '{}'
  return `${open}${style.eol}${inner}${items.join(`,${style.eol}${inner}`)}${style.eol}${indent}${close}`
}

/** `key: value` inside braces; `indent` is that of its line. */
export function renderFlowPair(
  key: string,
  value: Value,
  indent: string,
  style: TextStyle,
): string {
  return `${renderScalar(key, style)}: ${renderFlow(value, indent, style)}`
}

/** `key: value` of a block map whose keys stand at `indent`; without the indent and the last line end. */
export function renderBlockPair(
  key: string,
  value: Value,
  indent: string,
  style: TextStyle,
): string {
  return `${renderScalar(key, style)}:${renderAfterKey(value, indent, style)}`
}

/** What follows `key:`: a space and the value, or lines of their own below it. */
export function renderAfterKey(value: Value, indent: string, style: TextStyle): string {
  const tall = asMultiLine(value)
  if (tall === undefined) return ` ${renderInline(value, style)}`
  const inner = indent + (tall.kind === 'list' ? style.listIndent : style.unit)
  const lines =
    tall.kind === 'list'
      ? tall.items.map((item) => renderBlockItem(item, inner, style))
      : tall.entries.map(([key, entry]) => renderBlockPair(key, entry, inner, style))
  return lines.map((line) => style.eol + inner + line).join('')
}

/** `- value` of a block list whose dashes stand at `indent`; without the indent and the last line end. */
export function renderBlockItem(value: Value, indent: string, style: TextStyle): string {
  const tall = asMultiLine(value)
  if (tall?.kind !== 'map') return `- ${renderInline(value, style)}`
  const inner = `${indent}  `
  const lines = tall.entries.map(([key, entry]) => renderBlockPair(key, entry, inner, style))
  return `- ${lines.join(style.eol + inner)}`
}

/** A name or value: bare where YAML takes it for the text it is, else in double quotes. */
export function renderScalar(text: string, style: Pick<TextStyle, 'json'>): string {
  return !style.json && isPlain(text) ? text : JSON.stringify(text)
}

// Narrower than YAML's own rule: letters and digits first, nothing that means something to YAML 1.2, or to
// the readers of YAML 1.1 that editors still use.
function isPlain(text: string): boolean {
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9._/@+~ -]|:(?=[A-Za-z0-9]))*$/.test(text)) return false
  if (text.endsWith(' ')) return false
  if (/^(?:true|false|yes|no|on|off|y|n|null)$/i.test(text)) return false
  // Numbers, dates and times of either version.
  return !/^[\d._:+-]+(?:e[+-]?\d+)?$/i.test(text) && !/^0[xob]/i.test(text)
}

/** A list or map that takes lines of its own. */
function asMultiLine(value: Value): ListValue | MapValue | undefined {
  if (typeof value === 'string' || value.kind === 'raw' || value.inline) return undefined
  return (value.kind === 'list' ? value.items : value.entries).length === 0 ? undefined : value
}
