// The lightbox and the comparison over a wall: which is open stands in the address, and what is below waits.
const SEEN_MS = 700
// host: where its elements belong. Afterwards `wall.openLightbox` and `wall.openCompare` are there; returns its end.
const attachLight = (wall, host) => {
  const dialog = el("dialog", "light"), ends = new AbortController(), { signal } = ends
  const seen = makeSeen(wall)
  const box = new Lightbox(wall, {
    seen, leave: () => look.leave(), moved: id => moveLook("take", [id]), compare: () => wall.openCompare(toCompare(wall, box)),
  })
  const compare = new Comparison(wall, { seen, leave: () => look.leave() })
  const views = { take: box, compare }
  let shown = null, from = null

  const close = () => {
    shown?.hide()
    shown = null
    if (!dialog.open) return
    dialog.close()
    if (from) wall.focusCard(from)
  }
  const show = async wanted => {
    if (!wanted) return close()
    const view = views[wanted.what]
    if (shown !== view) shown?.hide()
    shown = view
    dialog.setAttribute("aria-label", view === box ? "Take" : "Compare")
    dialog.replaceChildren(view.root)
    try {
      if (view !== box || box.card?.id !== wanted.ids[0] || !box.open) await view.show(view === box ? wanted.ids[0] : wanted.ids)
    } catch (problem) {
      close()
      history.replaceState(history.state, "", placeOfPage())
      wall.toast(problem.status === 404 ? "There is no such take, or it isn't yours to see." : problem.message, { tone: "red" })
      return
    }
    if (shown === view && !dialog.open) dialog.showModal()
    dialog.focus()
  }
  const look = watchLook(show)
  dialog.dataset.testid = "light"
  dialog.tabIndex = -1
  dialog.addEventListener("cancel", event => event.preventDefault(), { signal })
  host.append(dialog)
  // Every key is for what is open: none reaches the wall, or the kit, which has C and R for itself.
  addEventListener("keydown", event => {
    if (!dialog.open || !shown) return
    event.stopImmediatePropagation()
    if (keyFor(shown, event)) event.preventDefault()
  }, { capture: true, signal })

  wall.openLightbox = id => {
    from = id
    enterLook("take", [id])
    look.sync()
  }
  wall.openCompare = ids => {
    if (ids.length < 2) return wall.toast("Select two takes at least, and six at most, to compare them.")
    from ??= ids[0]
    enterLook("compare", ids.slice(0, COMPARE_MAX))
    look.sync()
  }
  const toast = wall.toast
  wall.toast = (words, how = {}) => (dialog.open && shown ? shown.say(words, how.tone) : toast(words, how))
  if (readLook()) look.sync()
  return () => {
    ends.abort()
    look.destroy()
    close()
    box.destroy()
    compare.destroy()
    dialog.remove()
  }
}

// Tells, a moment later and once, that finished takes were looked at: what nobody ever opens is told on Spend.
const makeSeen = wall => {
  const told = new Set(), next = new Set()
  let waiting = null
  const tell = () => {
    waiting = null
    const ids = [...next]
    next.clear()
    askWall(wall.link("wall/opened"), "POST", { ids }).catch(() => ids.forEach(id => told.delete(id)))
  }
  return cards => {
    for (const { id, status } of cards) {
      if (status !== "completed" || told.has(id)) continue
      told.add(id)
      next.add(id)
    }
    if (next.size) waiting ??= setTimeout(tell, SEEN_MS)
  }
}

// What is selected if this take is among it, or with its neighbour.
const toCompare = (wall, box) => {
  const chosen = [...wall.select]
  return chosen.length > 1 ? chosen : [box.id, box.neighbour].filter(Boolean)
}
