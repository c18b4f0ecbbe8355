/**
 * Reading a config file to edit it, and putting the new text in its place in one step (reliability A9): a
 * new file beside it, on disk before it takes the name. Nobody ever sees half of it, and nobody's change
 * is lost: what was changed since it was read is not overwritten.
 */
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { ProxyError } from '../errors/proxy-error.ts'
import { renameOver } from './rename.ts'

export interface OpenedFile {
  /** The file itself, with no symbolic link on the way. */
  readonly target: string
  /** For people. */
  readonly shown: string
  readonly text: string
  /** Permission bits. */
  readonly mode: number
  /** Who may read it besides its owner: nobody, if all is well. */
  readonly readableByOthers: boolean
  /** Changes whenever the file does. */
  readonly stamp: string
  readonly uid: number
  readonly gid: number
}

// A config is written in milliseconds: a file in the making that is older was left by a crash.
const STALE_AFTER_MS = 30_000
const MAX_FILE_BYTES = 4 * 1024 * 1024
const PRIVATE_MODE = 0o600
const PRIVATE_DIRECTORY_MODE = 0o700

/**
 * Reads the file at `path`. Throws ProxyError `config_invalid` where it is not a text file of a config's
 * size, `config_unwritable` where it may not be written.
 */
export function openForEdit(path: string, shown: string): OpenedFile {
  let descriptor: number | undefined
  try {
    const target = realpathSync(path)
    descriptor = openSync(target, constants.O_RDONLY | constants.O_NONBLOCK)
    const stat = fstatSync(descriptor, { bigint: true })
    if (!stat.isFile()) throw invalid(`${shown}: is not a regular file; it cannot be edited`)
    if (stat.size > MAX_FILE_BYTES) throw invalid(`${shown}: larger than 4 MiB; that is no config`)
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      readFileSync(descriptor),
    )
    accessSync(target, constants.W_OK)
    const mode = Number(stat.mode) & 0o777
    return {
      target,
      shown,
      text,
      mode,
      readableByOthers: process.platform !== 'win32' && (mode & 0o044) !== 0,
      stamp: stampOf(stat),
      uid: Number(stat.uid),
      gid: Number(stat.gid),
    }
  } catch (thrown) {
    if (thrown instanceof ProxyError) throw thrown
    if (codeOf(thrown) === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      throw invalid(`${shown}: is not UTF-8 text`, thrown)
    }
    throw unwritable(`${shown} cannot be edited: ${reasonOf(thrown)}`, thrown)
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/**
 * Puts `text` in the file's place, with its mode and owner. Throws ProxyError `config_unwritable` where it
 * was changed since it was read, another edit is under way, or the disk refuses; nothing is changed then.
 * `nowMs` is the wall clock.
 */
export function replaceFile(opened: OpenedFile, text: string, nowMs: number): void {
  const { target, shown } = opened
  writeBeside(target, shown, nowMs, (temporary, descriptor) => {
    keepOwner(descriptor, opened)
    fchmodSync(descriptor, opened.mode)
    writeFileSync(descriptor, text)
    fsyncSync(descriptor)
    // As late as can be. Between our own commands nothing can come in between: the temporary file, which
    // only one of them can make, is a lock until it is renamed.
    if (stampOf(statSync(target, { bigint: true })) !== opened.stamp) {
      throw unwritable(`${shown} was changed while it was edited; nothing was written`, undefined)
    }
    if (!isOurs(temporary, descriptor)) {
      throw unwritable(
        `${shown} is being edited by another command; nothing was written`,
        undefined,
      )
    }
    renameOver(temporary, target)
  })
}

/**
 * Makes a new file, for its owner's eyes only, and the directory it is to be in. Throws ProxyError `config_unwritable` where there is one by
 * now, or it cannot be made.
 */
export function createFile(path: string, shown: string, text: string, nowMs: number): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: PRIVATE_DIRECTORY_MODE })
  } catch (thrown) {
    throw unwritable(`${shown} cannot be written: ${reasonOf(thrown)}`, thrown)
  }
  writeBeside(path, shown, nowMs, (temporary, descriptor) => {
    writeFileSync(descriptor, text)
    fsyncSync(descriptor)
    try {
      // Unlike a rename, a link never takes the place of another file.
      linkSync(temporary, path)
      unlinkSync(temporary)
    } catch (thrown) {
      if (codeOf(thrown) === 'EEXIST') {
        throw unwritable(
          `${shown} has just been made by somebody else; nothing was written`,
          thrown,
        )
      }
      // File systems without hard links.
      if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw thrown
      renameOver(temporary, path)
    }
  })
}

function writeBeside(
  target: string,
  shown: string,
  nowMs: number,
  write: (temporary: string, descriptor: number) => void,
): void {
  const temporary = join(dirname(target), `.${basename(target)}.aiproxy-edit`)
  let descriptor: number | undefined
  try {
    descriptor = openTemporary(temporary, shown, nowMs)
    write(temporary, descriptor)
  } catch (thrown) {
    // Only what we made ourselves.
    if (descriptor !== undefined && isOurs(temporary, descriptor)) removeQuietly(temporary)
    if (thrown instanceof ProxyError) throw thrown
    throw unwritable(`${shown} cannot be written: ${reasonOf(thrown)}`, thrown)
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
  syncDirectory(dirname(target))
}

function openTemporary(temporary: string, shown: string, nowMs: number): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
  try {
    return openSync(temporary, flags, PRIVATE_MODE)
  } catch (thrown) {
    if (codeOf(thrown) !== 'EEXIST') throw thrown
    const left = lstatSync(temporary, { throwIfNoEntry: false })
    if (left !== undefined && nowMs - left.mtimeMs < STALE_AFTER_MS) {
      throw unwritable(`${shown} is being edited by another command; nothing was written`, thrown)
    }
    removeQuietly(temporary)
    return openSync(temporary, flags, PRIVATE_MODE)
  }
}

/** Somebody who took us for dead may have made the temporary file anew. */
function isOurs(temporary: string, descriptor: number): boolean {
  return lstatSync(temporary, { throwIfNoEntry: false })?.ino === fstatSync(descriptor).ino
}

/** A service that runs as another user or group must still be able to read its config. */
function keepOwner(descriptor: number, { uid, gid, shown }: OpenedFile): void {
  const own = fstatSync(descriptor)
  if (own.uid === uid && own.gid === gid) return
  try {
    fchownSync(descriptor, uid, gid)
  } catch (thrown) {
    throw unwritable(`${shown} belongs to another user or group, which would be lost`, thrown)
  }
}

/** The name is on disk too, where the system can be asked for that. */
function syncDirectory(path: string): void {
  let descriptor: number | undefined
  try {
    descriptor = openSync(path, constants.O_RDONLY)
    fsyncSync(descriptor)
  } catch {
    // Windows, and some network file systems: the rename itself is done.
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Gone already.
  }
}

function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
}

function reasonOf(thrown: unknown): string {
  const code = codeOf(thrown)
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'permission denied'
    case 'EROFS':
      return 'the file system is read-only'
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full'
    case 'ENOENT':
      return 'no such file or directory'
    case 'ENOTDIR':
    case 'EEXIST':
      return 'a part of the path is no directory'
    default:
      return String(code ?? thrown)
  }
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
}

function invalid(message: string, cause?: unknown): ProxyError {
  return new ProxyError('config_invalid', message, { cause })
}

function unwritable(message: string, cause: unknown): ProxyError {
  return new ProxyError('config_unwritable', message, { cause })
}
