/**
 * Edits of a config file's users, models, limits and keys, as text to text. Every edit is made twice: on
 * the text, and on the config that was loaded from it. The new text is loaded too, and only when both agree
 * is it given out: a strange file may be refused, but nobody is ever granted what was not asked for.
 */
import { isDeepStrictEqual } from 'node:util'
import { ProxyError } from '../errors/proxy-error.ts'
import type { Config } from './config.ts'
import { editRoster, rosterOf } from './edit-roster.ts'
import type { Edit, Roster } from './edit-roster.ts'
import { editText } from './edit-users.ts'
import { loadConfigText } from './load.ts'
import type { LoadOptions } from './load.ts'

export interface EditRequest {
  /** What the file says now. */
  readonly text: string
  /** Where it is, or will be. */
  readonly path: string
  readonly edits: readonly Edit[]
  readonly options: Omit<LoadOptions, 'flag' | 'overrides'>
}

export interface EditResult {
  readonly text: string
  readonly before: Config
  readonly after: Config
  /** Why the file will not load as it stands, before and after: see `loadForEdit`. */
  readonly refusal: ProxyError | undefined
}

const ON_LOOPBACK = { host: '127.0.0.1' }

/**
 * The text after the edits. Throws ProxyError `config_invalid` where the text does not load as it is, and
 * `usage_wrong` where it would no longer load, or where the file is written in a way that we cannot edit.
 */
export async function editConfigText(request: EditRequest): Promise<EditResult> {
  const { path, options, edits } = request
  const mark = request.text.startsWith('\uFEFF') ? '\uFEFF' : ''
  const old = await loadForEdit(request.text, path, options)
  let text = request.text.slice(mark.length)
  let roster = rosterOf(old.config)
  for (const edit of edits) {
    text = editText(text, roster, edit)
    roster = editRoster(roster, edit)
  }
  const result = mark + text
  const loaded = await loadForEdit(result, path, options).catch((thrown: unknown) => {
    throw thrown instanceof ProxyError ? wouldNotLoad(thrown) : thrown
  })
  if (loaded.refusal !== undefined && old.refusal === undefined) throw wouldNotLoad(loaded.refusal)
  // Both by the same rule: where only an address kept the file from loading, it was loaded without.
  const comparable =
    old.refusal === undefined || loaded.refusal !== undefined
      ? loaded.config
      : await loadConfigText(result, path, { ...options, overrides: ON_LOOPBACK })
  if (!isAsMeant(old.config, comparable, roster)) {
    throw new ProxyError(
      'usage_wrong',
      'this file is written in a way that cannot be edited safely; nothing was written',
      { hint: 'make the change by hand, then: aiproxy serve --check' },
    )
  }
  return { text: result, before: old.config, after: loaded.config, refusal: loaded.refusal }
}

/**
 * Loads a text to be edited. Name-only users of a proxy that listens for other machines keep it from
 * starting, but must not keep `users key` from mending just that: then `refusal` says what is still wrong.
 */
export async function loadForEdit(
  text: string,
  path: string,
  options: EditRequest['options'],
): Promise<{ readonly config: Config; readonly refusal: ProxyError | undefined }> {
  try {
    return { config: await loadConfigText(text, path, options), refusal: undefined }
  } catch (thrown) {
    if (!(thrown instanceof ProxyError) || thrown.code !== 'config_invalid') throw thrown
    try {
      const config = await loadConfigText(text, path, { ...options, overrides: ON_LOOPBACK })
      return { config, refusal: thrown }
    } catch {
      throw thrown
    }
  }
}

function wouldNotLoad(reason: ProxyError): ProxyError {
  const lines = reason.message.split('\n').map((line) => `  ${line}`)
  return new ProxyError(
    'usage_wrong',
    ['nothing was written: the config would no longer load', ...lines].join('\n'),
    { cause: reason, hint: reason.hint?.startsWith('Mend it') === true ? undefined : reason.hint },
  )
}

/** The loaded config is the old one with just the roster changed. */
function isAsMeant(old: Config, loaded: Config, roster: Roster): boolean {
  if (!isDeepStrictEqual(listed(rosterOf(loaded)), listed(roster))) return false
  for (const [name, model] of old.models) {
    if (!isDeepStrictEqual(loaded.models.get(name), model)) return false
  }
  return isDeepStrictEqual(withoutRoster(loaded), withoutRoster(old))
}

/** Maps are equal in any order; users and models have one. */
function listed({ users, models, keyHints }: Roster): unknown {
  return [[...users.values()], [...models], keyHints]
}

function withoutRoster(config: Config): unknown {
  const none = { users: [], models: [], keys: [], keyHints: [], warnings: [] }
  return { ...config, ...none }
}
