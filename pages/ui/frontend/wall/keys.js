// The wall by keys alone. Letters of the kit's own (R, C) are kept from it while the wall has something to do.
const WALL_KEYS = [
  ["← ↑ ↓ →", "Go to another take"],
  ["Enter", "Open it large"],
  ["F", "Star it, or take the star away"],
  ["X", "Reject it, or take that back"],
  ["1 – 5", "Rate it; the same number again takes it back"],
  ["Z", "Undo the last change"],
  ["Space", "Select it"],
  ["Shift + click", "Select all up to there"],
  ["Drag", "Select what the frame touches"],
  ["Ctrl + A", "Select all that are loaded"],
  ["Esc", "Close the menu; select none"],
  ["H or ?", "This help"],
]

const isTyping = event => {
  const [at] = event.composedPath()
  return at instanceof Element && (at.closest("input, textarea, select, [contenteditable]") !== null || at.isContentEditable)
}

// What F, X and 1–5 do to these takes; a take that is alone toggles, many become alike.
const pressOn = (wall, key, ids) => {
  const cards = ids.map(wall.byId).filter(Boolean)
  if (!cards.length) return null
  if (key === "f") return { favourite: !cards.every(card => card.favourite) }
  if (key === "x") return { review: cards.every(card => reviewOf(card) === "rejected") ? "none" : "rejected" }
  const score = Number(key)
  return { rating: cards.every(card => mineOf(card) === score) ? null : score }
}
const pressWall = wall => (key, ids) => {
  const set = pressOn(wall, key, ids)
  if (!set) return Promise.resolve(false)
  const allowed = "review" in set ? ids.filter(id => wall.byId(id)?.may?.change ?? true) : ids
  if (!allowed.length) {
    wall.toast("This is somebody else's take: a reviewer may reject it.")
    return Promise.resolve(false)
  }
  return wall.change(allowed, set)
}

const focusOn = (place, id, { scroll = true } = {}) => {
  const box = place.laid?.boxes[place.index?.get(id)]
  if (!box) return
  point(place, id)
  const at = topOf(place) + box.y, high = place.scroller.clientHeight
  if (scroll && (at < 8 || at + box.h > high - 8)) {
    place.scroller.scrollTop += at < 8 ? at - WALL_HEADING : Math.min(at - 8, at + box.h - high + 24)
  }
  drawWindow(place, true)
  place.cards.get(id)?.open.focus({ preventScroll: true })
}
// Which take the keys mean: the one that a person went to last, by keys or by pointing.
const point = (place, id) => {
  if (place.current === id) return
  const before = place.cards.get(place.current)
  place.current = id
  if (before) markCard(place, before)
  const parts = place.cards.get(id)
  if (parts) markCard(place, parts)
  rememberSoon(place)
}

const stepTo = (place, key) => {
  const { items } = place.wall, { boxes } = place.laid
  const here = place.index.get(place.current)
  if (here === undefined) return items[firstInView(place)]?.id
  if (key === "ArrowLeft") return items[here - 1]?.id
  if (key === "ArrowRight") return items[here + 1]?.id
  if (key === "Home") return items[0]?.id
  if (key === "End") return items[items.length - 1]?.id
  return items[rowNext(boxes, here, key === "ArrowDown" ? 1 : -1)]?.id
}
const firstInView = place => {
  const top = -topOf(place)
  return Math.max(0, place.laid.boxes.findIndex(box => box.y >= top - 8))
}
// The card of the next row that stands under this one's middle.
const rowNext = (boxes, here, way) => {
  const middle = boxes[here].x + boxes[here].w / 2
  let at = here
  while (boxes[at] && boxes[at].y === boxes[here].y) at += way
  if (!boxes[at]) return here
  const row = boxes[at].y
  let best = at
  for (; boxes[at] && boxes[at].y === row; at += way) {
    const off = one => Math.abs(boxes[one].x + boxes[one].w / 2 - middle)
    if (off(at) < off(best)) best = at
  }
  return best
}

const keyOnWall = (place, event) => {
  const { wall } = place
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
  if ((event.ctrlKey || event.metaKey) && key === "a" && place.current) {
    wall.choose(wall.items.map(card => card.id))
    return true
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return false
  if (["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(key)) {
    const id = stepTo(place, key)
    if (!id) return false
    focusOn(place, id)
    return true
  }
  if (key === "z") { place.undo(); return true }
  if (key === "h" || key === "?") { place.help(); return true }
  if (key === "Escape" && !place.menu.hidden) { leaveMenu(place); return true }
  if (key === "Escape" && (wall.select.size || wall.everything)) { wall.chooseNone(); return true }
  const id = place.current
  if (!id || !place.index.has(id)) return false
  if (key === "Enter") {
    if (event.composedPath()[0] instanceof HTMLButtonElement) return false
    place.acts.open(id)
    return true
  }
  if (key === " ") {
    if (event.composedPath()[0] instanceof HTMLButtonElement) return false
    place.acts.choose(id, event)
    return true
  }
  if (["f", "x", "1", "2", "3", "4", "5"].includes(key)) {
    wall.press(key, wall.select.has(id) ? wall.chosen() : [id])
    return true
  }
  return false
}

const watchKeys = (place, signal) => {
  addEventListener("keydown", event => {
    if (event.defaultPrevented || isTyping(event) || place.isCovered() || !isOurs(place, event)) return
    if (!keyOnWall(place, event)) return
    event.preventDefault()
    event.stopImmediatePropagation()
  }, { signal, capture: true })
}
// Keys that are meant for something else on the page (a menu, a chip, a button of the kit) are left to it.
const isOurs = (place, event) => {
  const path = event.composedPath()
  return path.includes(place.root) || path[0] === document.body || path[0] === document.documentElement
    || path[0] === place.scroller
}
