/**
 * Loaded before a program that listens on every interface and has no setting for it: a port without a
 * host is opened on 127.0.0.1 only.
 */
import { Server } from 'node:net'

const listen = Reflect.get(Server.prototype, 'listen')
Server.prototype.listen = function listenOnLoopback(first, ...rest) {
  return typeof first === 'number' && typeof rest[0] !== 'string'
    ? listen.call(this, first, '127.0.0.1', ...rest.filter((one) => one !== undefined))
    : listen.call(this, first, ...rest)
}
