/** Where the program of the second thread is. scripts/bundle.js has a place of its own for it. */
export function secondWorkerFile(): URL | string {
  return new URL('./second-worker.js', import.meta.url)
}
