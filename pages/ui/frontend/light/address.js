// What is looked at closely stands in the address, after "#": Back closes it, a reload or a shared address
// opens it again, and neither has the page's script run.
const readLook = () => {
  const [what, ids = ""] = location.hash.slice(1).split("=")
  const named = ids.split(",").filter(Boolean).map(id => {
    try { return decodeURIComponent(id) } catch { return id }
  })
  return named.length && ["take", "compare"].includes(what) ? { what, ids: named } : null
}
const lookHash = (what, ids) => `#${what}=${ids.map(encodeURIComponent).join(",")}`
const placeOfPage = () => location.pathname + location.search

const enterLook = (what, ids) => {
  const look = (history.state?.look ?? 0) + 1
  history.pushState({ ...history.state, look }, "", lookHash(what, ids))
}
const moveLook = (what, ids) => history.replaceState(history.state, "", lookHash(what, ids))

// show: called with what the address says, after every change of it. Returns how to leave, and how to stop.
const watchLook = show => {
  const ends = new AbortController()
  const sync = () => show(readLook())
  addEventListener("lookback", sync, { signal: ends.signal })
  return {
    sync,
    leave() {
      if (history.state?.look) history.back()
      else {
        history.replaceState(history.state, "", placeOfPage())
        sync()
      }
    },
    destroy: () => ends.abort(),
  }
}
