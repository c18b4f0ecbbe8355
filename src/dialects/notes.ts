/** What could not cross as it was, collected for the `x-aiproxy-notes` header. */
import type { Notes } from './dialect.ts'
import { untranslatable } from './fields.ts'

export interface Note {
  readonly field: string
  readonly what: 'dropped' | 'adapted'
}

export interface NoteList extends Notes {
  /** Each pair once, in the order in which it was first said. */
  readonly list: readonly Note[]
}

// A caller may send any number of unknown fields; the header must stay small.
const MAX_NOTES = 32
const MAX_FIELD_CHARS = 64

/**
 * Collects notes. With `strict` (the model's setting) the first that is added is refused instead:
 * ProxyError `untranslatable` with the field's name. What is only announced is not: a history that
 * another model helped to write would otherwise never reach a strict one.
 */
export function createNotes(strict: boolean): NoteList {
  const list: Note[] = []
  function keep(name: string, what: Note['what']): void {
    if (list.length === MAX_NOTES) return
    const field = headerToken(name)
    if (!list.some((note) => note.field === field && note.what === what)) list.push({ field, what })
  }
  return {
    list,
    announce: keep,
    add(field, what) {
      if (strict) {
        throw untranslatable(
          field,
          `\`${field}\` would have to be ${what} for the model that answers, and it is set to strict.`,
        )
      }
      keep(field, what)
    },
  }
}

/** The header's value, `temperature;dropped, seed;dropped`; '' when there is nothing to say. */
export function renderNotes(notes: NoteList): string {
  if (notes.list.length === 0) return ''
  return notes.list.map(({ field, what }) => `${field};${what}`).join(', ')
}

/** A field's name as a token of RFC 8941: an unknown field may be called anything. */
function headerToken(field: string): string {
  const safe = field.slice(0, MAX_FIELD_CHARS).replaceAll(/[^A-Za-z0-9_.:/*-]/g, '_')
  return /^[A-Za-z*]/.test(safe) ? safe : `*${safe}`
}
