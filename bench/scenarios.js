/**
 * What is measured. A scenario: how the caller asks (`api`), what the provider speaks (`target`) and how
 * it answers (`kind`, see upstream.js), how many connections ask at once, and which `programs` take part.
 * The first of them that is a floor is what the others are compared with. `full` ones run with --full only.
 * Scenarios of one group share freshly started programs, except those `apart`, which have their own: what a
 * prompt of 10 MB leaves to be cleared away is not the next one's cost.
 */
import { PACES, STREAM_CHUNKS } from './settings.js'

const RELAY = { api: 'chat', target: 'openai' }
const TRANSLATED = { api: 'chat', target: 'anthropic' }
const PEERS = ['nginx', 'seed', 'portkey']
const PROGRAMS = ['floor', 'aiproxy', ...PEERS]
const PASSING = ['floor', 'aiproxy', 'nginx', 'seed']
const KNOWING = ['floor', 'aiproxy', 'seed', 'portkey']
const TWICE = ['floor-twice', 'aiproxy', 'seed', 'portkey']
const STREAM = { stream: true, connections: 100 }
const BURST = { ...STREAM, kind: 'sse', chunks: STREAM_CHUNKS }
const FAST = { ...STREAM, kind: 'fast', stamped: true, pace: PACES.fast }
const SLOW = { stream: true, kind: 'slow', stamped: true, pace: PACES.slow }

/** Prompt sizes of the growth curve, in bytes. */
export const SIZES = [
  { id: 'size-1k', label: '1 KB', promptBytes: 1000 },
  { id: 'size-10k', label: '10 KB', promptBytes: 10_000, full: true },
  { id: 'size-100k', label: '100 KB', promptBytes: 100_000 },
  { id: 'size-1m', label: '1 MB', promptBytes: 1_000_000 },
  { id: 'size-10m', label: '10 MB', promptBytes: 10_000_000, full: true },
]

/** Numbers of streams of the growth curve, a chunk every 50 ms. */
export const STREAM_COUNTS = [1, 10, 100, 1000]

/** All of them, in the order of the report. */
export const SCENARIOS = [
  ...[1, 16, 64, 256].map((connections) => ({
    ...RELAY,
    id: `relay-${connections}`,
    title: `unary relay, ${connections === 1 ? '1 connection' : `${connections} connections`}`,
    group: 'unary',
    kind: 'unary',
    connections,
    programs: connections === 64 ? PROGRAMS : PASSING,
  })),
  {
    ...TRANSLATED,
    id: 'chat-anthropic',
    title: 'unary, Chat to Anthropic, 64 connections',
    group: 'unary',
    kind: 'unary',
    connections: 64,
    programs: KNOWING,
  },
  {
    api: 'messages',
    target: 'openai',
    id: 'anthropic-chat',
    title: 'unary, Anthropic to Chat, 64 connections',
    group: 'unary',
    kind: 'unary',
    connections: 64,
    programs: KNOWING,
  },
  {
    ...RELAY,
    id: 'failover',
    title: 'failover on 404, 64 connections',
    group: 'unary',
    kind: 'gone',
    floorKind: 'unary',
    connections: 64,
    programs: TWICE,
    expectAttempts: /status=404.*status=200/,
  },
  {
    ...RELAY,
    id: 'failover-401',
    title: 'failover on a refused key, 64 connections',
    group: 'unary',
    kind: 'refused',
    floorKind: 'unary',
    connections: 64,
    programs: ['floor-twice', 'aiproxy', 'seed'],
  },
  {
    ...RELAY,
    ...BURST,
    id: 'burst-relay',
    title: `burst, relay: 100 streams of ${STREAM_CHUNKS} chunks`,
    group: 'streams',
    programs: PROGRAMS,
  },
  {
    ...TRANSLATED,
    ...BURST,
    id: 'burst-translated',
    title: `burst, Anthropic to Chat: 100 streams of ${STREAM_CHUNKS} chunks`,
    group: 'streams',
    programs: KNOWING,
  },
  {
    ...RELAY,
    ...FAST,
    id: 'paced-relay',
    title: 'paced, relay: 100 streams, a chunk every 10 ms',
    group: 'streams',
    programs: ['direct', ...PROGRAMS],
  },
  {
    ...TRANSLATED,
    ...FAST,
    id: 'paced-translated',
    title: 'paced, Anthropic to Chat: 100 streams, a chunk every 10 ms',
    group: 'streams',
    programs: ['direct', 'floor', 'aiproxy'],
  },
  ...SIZES.map(({ id, label, promptBytes, full }) => ({
    ...RELAY,
    id,
    title: `unary relay, prompt of ${label}, 8 connections`,
    group: 'sizes',
    apart: true,
    kind: 'unary',
    connections: 8,
    promptBytes,
    full,
    programs: ['floor', 'floor-parse', 'aiproxy', 'nginx', 'seed'],
  })),
  ...STREAM_COUNTS.map((connections) => ({
    ...RELAY,
    ...SLOW,
    id: `streams-${connections}`,
    title: `${connections} streams, a chunk every 50 ms`,
    group: 'growth',
    apart: true,
    connections,
    full: true,
    programs: ['direct', 'floor', 'aiproxy', 'nginx', 'portkey'],
  })),
]
