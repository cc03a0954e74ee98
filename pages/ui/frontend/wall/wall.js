// The wall itself: what the page gives it, and all its parts put together.
const TOAST_MS = 8000

const buildWall = parent => {
  const root = el("div", "root wall")
  const pill = el("button", "pill"), grid = el("div", "grid"), foot = el("div", "foot quiet"), float = el("div", "float")
  const toasts = el("div", "toasts")
  root.dataset.testid = "wall"
  grid.dataset.testid = "take-grid"
  grid.setAttribute("role", "group")
  grid.setAttribute("aria-label", "Takes")
  pill.type = "button"
  pill.hidden = true
  pill.dataset.testid = "new-takes"
  toasts.setAttribute("role", "status")
  const wall = makeWall()
  const place = {
    root, grid, pill, foot, toasts, wall, cards: new Map(), headings: new Map(), index: new Map(), told: new Map(),
    laid: null, current: null, chosenLast: null, size: "fit", next: history.state?.wall ?? null, fresh: 0, at: null,
  }
  place.acts = {
    open: id => openTake(place, id),
    choose: (id, event) => chooseOne(place, id, event),
    point: id => point(place, id),
  }
  place.undo = () => undoIn(wall, (words, tone) => wall.toast(words, { tone }))
  place.tell = (words, again) => drawFoot(place, words, again)
  place.isCovered = () => Boolean(root.querySelector("dialog[open]")) || Boolean(document.querySelector('[role="dialog"]'))
  wall.press = pressWall(wall)
  wall.focusCard = id => focusOn(place, id)
  wall.toast = (words, how) => showToast(place, words, how)
  pill.onclick = () => showFresh(place)
  float.append(toasts, makeBar(place))
  root.append(pill, grid, foot, float, makeHelp(place))
  parent.append(root)
  listenWall(place)
  return place
}

const listenWall = place => {
  const { wall } = place
  wall.on("items", () => { relay(place); drawFoot(place) })
  wall.on("removed", () => { relay(place); drawFoot(place) })
  wall.on("changed", ids => {
    const reshaped = ids.some(id => {
      const card = wall.byId(id), was = place.cards.get(id)
      return card && was && was.shape !== shapeOf(card)
    })
    if (reshaped) return relay(place)
    for (const id of ids) {
      const parts = place.cards.get(id), card = wall.byId(id)
      if (parts && card) fillWallCard(parts, card, place.told.get(id))
    }
  })
}

const openTake = (place, id) => {
  rememberPlace(place)
  if (place.wall.openLightbox) place.wall.openLightbox(id)
  else place.leave(id)
}

const showFresh = async place => {
  place.pill.disabled = true
  try {
    await place.wall.reload()
    place.fresh = 0
    place.freshAsked = null
    place.live?.catchUp()
    place.pill.hidden = true
    place.scroller.scrollTop = 0
  } catch (error) {
    place.wall.toast(error.message, { tone: "red" })
  } finally {
    place.pill.disabled = false
  }
}

const drawFoot = (place, words = "", again = null) => {
  const { wall, foot } = place
  const isEnd = wall.cursor === null, none = isEnd && !wall.items.length ? "Nothing is left here." : ""
  const end = isEnd && wall.items.length > 12 ? `All ${takesWords(wall.items.length)} are shown.` : ""
  foot.replaceChildren(el("span", "", words || end || none))
  if (again) foot.append(labelled("refresh", "Try again", again))
}

const showToast = (place, words, { undo = false, tone = "" } = {}) => {
  const toast = el("div", "toast"), close = () => toast.remove()
  if (tone) setTone(toast, tone)
  toast.append(el("span", "", words))
  if (undo) toast.append(labelled("undo", "Undo (Z)", () => { close(); place.undo() }))
  place.toasts.replaceChildren(toast)
  clearTimeout(place.toasting)
  place.toasting = setTimeout(close, TOAST_MS)
}

const makeHelp = place => {
  const help = el("dialog", "help"), list = el("dl")
  help.setAttribute("aria-label", "Keys")
  for (const [keys, does] of WALL_KEYS) list.append(el("dt", "", keys), el("dd", "", does))
  const close = labelled("close", "Close", () => help.close())
  help.append(el("h3", "", "Keys on the wall"), list, close)
  help.onclick = event => { if (event.target === help) help.close() }
  place.help = () => help.showModal()
  return help
}

const applyWall = (place, data) => {
  const { wall } = place
  Object.assign(wall, { me: data.me, blind: data.blind, sort: data.sort, trashed: data.trashed })
  const resized = place.size !== data.size
  place.size = data.size
  // A place belongs to its list: another list begins at its top.
  const back = place.next?.query === data.query ? place.next : null
  place.next = null
  if (place.at !== data.query) {
    place.at = data.query
    place.current = null
    place.fresh = 0
    place.pill.hidden = true
    wall.begin({ query: data.query, takes: data.takes, next_cursor: data.next_cursor }, Boolean(back))
  } else {
    wall.merge(data.takes)
    if (resized) relay(place)
    else drawWindow(place, true)
  }
  if (back) restorePlace(place, back)
}

// Takes that came since: all of them where nothing is filtered, else the server says which of them fit.
const countFresh = async (place, ids) => {
  const { wall } = place
  const isFiltered = [...new URLSearchParams(wall.query).keys()].some(name => name !== "sort")
  const asked = place.freshAsked = {}
  let number = ids.length
  if (isFiltered) {
    const some = ids.slice(-200)
    const address = wall.link(`wall/takes?${wall.pairs({ ids: some.join(","), limit: some.length })}`)
    number = await askWall(address).then(page => page.items.filter(card => !wall.byId(card.id)).length, () => null)
  }
  if (number === null || place.freshAsked !== asked) return
  place.fresh = number
  place.pill.hidden = !number
  place.pill.textContent = `${number >= 100 ? "100+" : number} new`
}

export default function ({ data, parentElement, setTriggerValue }) {
  const place = placeOf(parentElement, buildWall)
  place.leave = id => setTriggerValue("open", id)
  place.stopped?.abort()
  place.stopped = new AbortController()
  const { signal } = place.stopped
  watchScroll(place, signal)
  watchKeys(place, signal)
  watchDrag(place, signal)
  applyWall(place, data)
  place.light ??= attachLight(place.wall, place.root)
  place.live = liveHub().subscribe({
    of: place,
    at: data.newest_move,
    shown: () => place.wall.items.map(card => card.id),
    // What moves, and what is drawn: others review it, or put it into the trash.
    asked: () => [...place.wall.items.filter(card => card.moving).map(card => card.id), ...place.cards.keys()],
    takes: cards => place.wall.settle(cards),
    fresh: (n, ids) => countFresh(place, ids),
  })
  startClock(place, () => place.cards.forEach(tickCard))
  return () => {
    stopClock(place)
    place.live()
    place.wall.keep()
    place.stopped.abort()
    whenGone(place.root, () => place.light())
  }
}
