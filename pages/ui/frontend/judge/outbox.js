// Answers that are on their way to the server: kept in this browser until it has them, sent one by one, in order.
const SEND_AGAIN_MS = [1000, 2000, 5000, 10000, 30000]
// Refusals that pass by themselves; every other one is an answer.
const PASSES = new Set([401, 408, 425, 429])

const randomKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map(one => one.toString(16).padStart(2, "0")).join("")

// name: under which they are kept. send: resolves once the server has one; its error has a `status` if it answered.
// refused: called with an answer that the server does not take, and why. changed: called with how many wait, and
// why they wait.
const makeOutbox = ({ name, send, refused, changed }) => {
  let memory = [], sending = null, timer = null, tries = 0, ended = false
  const read = () => {
    try { return JSON.parse(localStorage.getItem(name) ?? "[]") } catch { return memory }
  }
  const write = list => {
    memory = list
    try {
      if (list.length) localStorage.setItem(name, JSON.stringify(list))
      else localStorage.removeItem(name)
    } catch { /* a browser that keeps nothing: they wait in this page alone */ }
    changed(list.length, null)
  }
  const same = (one, other) => one.vote.key === other.vote.key && one.undo === other.undo
  const drop = done => write(read().filter(one => !same(one, done)))

  const pump = async () => {
    clearTimeout(timer)
    if (sending || ended) return
    const [first] = read()
    if (!first) return
    sending = first
    try {
      await send(first)
      tries = 0
      drop(first)
    } catch (error) {
      if (error.status >= 400 && error.status < 500 && !PASSES.has(error.status)) {
        tries = 0
        drop(first)
        refused(first, error)
      } else if (!ended) {
        changed(read().length, error)
        timer = setTimeout(pump, SEND_AGAIN_MS[Math.min(tries, SEND_AGAIN_MS.length - 1)])
        tries += 1
        sending = null
        return
      }
    }
    sending = null
    pump()
  }
  const online = () => { tries = 0; pump() }
  addEventListener("online", online)

  return {
    list: read,
    add(vote) {
      write([...read(), { vote, undo: false }])
      pump()
    },
    // One that has not left yet never leaves; else the server is told afterwards.
    undo(vote) {
      const entry = { vote, undo: false }
      if (sending?.vote.key !== vote.key && read().some(one => same(one, entry))) return drop(entry)
      write([...read(), { vote, undo: true }])
      pump()
    },
    start() { changed(read().length, null); pump() },
    destroy() {
      ended = true
      clearTimeout(timer)
      removeEventListener("online", online)
    },
  }
}
