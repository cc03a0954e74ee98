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
  let page = placeOfPage(), open = false
  const sync = () => {
    const look = readLook()
    page = placeOfPage()
    open = look !== null
    show(look)
  }
  // The kit runs the page anew at every step back: not for what only covered it.
  addEventListener("popstate", event => {
    if (page !== placeOfPage() || !open && !readLook()) return
    event.stopImmediatePropagation()
    sync()
  }, { capture: true, signal: ends.signal })
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
