// Only the cards around what is looked at stand on the page, however many there are; the next ones are asked for
// before somebody gets there, straight from the dashboard: no script runs.
const WALL_AHEAD = 1.2
const WALL_SAVED_MS = 150
const WALL_RESTORED_MS = 10000
const WALL_HELD_MS = 1500

const scrollerOf = node => (node.getRootNode().host ?? node).closest('[data-testid="stMain"]') ?? document.scrollingElement
const topOf = place => place.grid.getBoundingClientRect().top - place.scroller.getBoundingClientRect().top

// Where everything stands, anew; what is looked at stays where it is.
const relay = (place, { keep = true } = {}) => {
  const { wall, grid } = place
  const width = grid.clientWidth
  if (!width) return
  const held = keep ? anchorOf(place) : null
  place.width = width
  place.laid = layWall(wall.items, { width, size: place.size, days: ["newest", "oldest"].includes(wall.sort) })
  place.index = new Map(wall.items.map((card, at) => [card.id, at]))
  place.told = differences(wall.items)
  grid.style.height = `${place.laid.height}px`
  if (held) {
    const box = place.laid.boxes[place.index.get(held.id)]
    if (box) place.scroller.scrollTop += box.y + topOf(place) - held.at
  }
  drawWindow(place, true)
}
// The first card that is in view, and where.
const anchorOf = place => {
  if (!place.laid || topOf(place) > 0) return null
  const top = -topOf(place)
  const at = place.laid.boxes.findIndex(box => box.y + box.h > top)
  const [id] = [...(place.index ?? [])].find(([, one]) => one === at) ?? []
  return id ? { id, at: place.laid.boxes[at].y - top } : null
}

const drawWindow = (place, again = false) => {
  if (!place.laid) return
  const { wall, grid, cards, laid } = place
  const high = place.scroller.clientHeight, top = -topOf(place)
  const from = top - high * WALL_AHEAD, to = top + high * (1 + WALL_AHEAD)
  if (!again && place.drawn && Math.abs(place.drawn - top) < high * 0.2) return
  place.drawn = top
  const first = firstBelow(laid.boxes, from)
  const wanted = []
  for (let at = first; at < laid.boxes.length && laid.boxes[at].y < to; at += 1) wanted.push(at)
  const ids = new Set(wanted.map(at => wall.items[at].id))
  const held = place.current && cards.get(place.current)
  for (const [id, parts] of cards) {
    // A card that has the focus stays, so that the keys go on from there.
    if (ids.has(id) || (parts === held && parts.card.matches(":focus-within") && place.index.has(id))) continue
    dropCard(parts)
    cards.delete(id)
  }
  let before = grid.querySelector(".card")
  for (const at of wanted) {
    const item = wall.items[at]
    let parts = cards.get(item.id)
    if (!parts) {
      parts = makeWallCard(item, wall, place.acts)
      cards.set(item.id, parts)
      fillWallCard(parts, item, place.told.get(item.id))
      markCard(place, parts)
    } else if (again) fillWallCard(parts, item, place.told.get(item.id))
    standAt(parts, laid.boxes[at], at)
    if (parts.card === before) before = nextCard(before)
    else grid.insertBefore(parts.card, before)
  }
  drawHeadings(place, from, to)
  if (top + high * 3 > laid.height) loadMore(place)
}
const nextCard = node => {
  let next = node.nextElementSibling
  while (next && !next.classList.contains("card")) next = next.nextElementSibling
  return next
}
const firstBelow = (boxes, y) => {
  let low = 0, high = boxes.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (boxes[middle].y + boxes[middle].h < y) low = middle + 1
    else high = middle
  }
  // Cards of one row need not end at one height.
  while (low > 0 && boxes[low - 1].y === boxes[low]?.y) low -= 1
  return low
}
const standAt = (parts, box, at) => {
  parts.shape = shapeOf(parts.data)
  const where = `${box.x} ${box.y} ${box.w} ${box.frame}`
  if (parts.where === where) return
  parts.where = where
  parts.card.style.cssText = `transform:translate(${box.x}px,${box.y}px);width:${box.w}px;height:${box.h}px`
  parts.frame.style.height = `${box.frame}px`
  parts.card.classList.toggle("narrow", box.w < 190)
  parts.card.setAttribute("aria-posinset", at + 1)
  parts.card.setAttribute("aria-setsize", -1)
}
const drawHeadings = (place, from, to) => {
  const { headings } = place.laid
  const shown = new Set()
  for (const one of headings) {
    if (one.y < from || one.y > to) continue
    shown.add(one.key)
    let node = place.headings.get(one.key)
    if (!node) {
      node = el("h3", "day", one.words)
      place.headings.set(one.key, node)
      place.grid.append(node)
    }
    node.style.transform = `translateY(${one.y}px)`
  }
  for (const [key, node] of place.headings) {
    if (shown.has(key)) continue
    node.remove()
    place.headings.delete(key)
  }
}

const loadMore = async place => {
  if (place.loading || place.wall.cursor === null || place.failed) return
  place.loading = true
  place.grid.setAttribute("aria-busy", "true")
  try {
    await place.wall.more()
  } catch (error) {
    place.failed = true
    place.tell(error.message, () => { place.failed = false; place.tell(""); loadMore(place) })
  } finally {
    place.loading = false
    place.grid.removeAttribute("aria-busy")
  }
}

// Where a person is in the wall belongs to the entry of the browser's history, so that Back finds it again.
const rememberPlace = place => {
  if (place.wanted || !place.grid.isConnected) return
  const here = {
    query: place.at, top: Math.round(place.scroller.scrollTop), focus: place.current, count: place.wall.items.length,
  }
  history.replaceState({ ...history.state, wall: here }, "")
  place.wall.keep()
}
// Browsers refuse to be told more often than a few times a second. While the page's script runs, it may be on its way
// to another page: what moves then is not the person, and is not remembered.
const rememberSoon = place => {
  clearTimeout(place.saving)
  const save = () => {
    if (!place.grid.isConnected) return
    if (isScriptRunning()) rememberSoon(place)
    else rememberPlace(place)
  }
  place.saving = setTimeout(save, WALL_SAVED_MS)
}
const isScriptRunning = () => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === "running"
// The page grows while it is drawn, and is put back to its top by the kit, which may come late: the place is held until
// it has stayed for a while, or the person goes on by hand.
const restorePlace = async (place, wanted) => {
  place.wanted = wanted
  while (place.wanted && place.wall.items.length < wanted.count && place.wall.cursor !== null) {
    if (!(await place.wall.more(200).catch(() => false))) break
  }
  const until = performance.now() + WALL_RESTORED_MS
  let since = null, focused = false
  const again = () => {
    if (place.wanted !== wanted) return
    const now = performance.now(), away = Math.abs(place.scroller.scrollTop - wanted.top) >= 1
    if (away) {
      place.scroller.scrollTop = wanted.top
      drawWindow(place)
    } else if (!focused && wanted.focus && place.index?.has(wanted.focus)) {
      focused = true
      focusOn(place, wanted.focus, { scroll: false })
    }
    since = away ? null : since ?? now
    if (now < until && (since === null || now - since < WALL_HELD_MS)) return requestAnimationFrame(again)
    place.wanted = null
  }
  again()
}

const watchScroll = (place, signal) => {
  place.scroller = scrollerOf(place.grid)
  let asked = 0
  place.scroller.addEventListener("scroll", () => {
    asked ||= requestAnimationFrame(() => { asked = 0; drawWindow(place) })
    rememberSoon(place)
  }, { signal, passive: true })
  for (const own of ["wheel", "touchstart", "pointerdown", "keydown"]) {
    addEventListener(own, () => { place.wanted = null }, { signal, passive: true, capture: true })
  }
  // What is pressed may lead to another page at once.
  const leaves = event => { if (event.type === "pointerdown" || event.key === "Enter") rememberPlace(place) }
  for (const act of ["pointerdown", "keydown"]) addEventListener(act, leaves, { signal, passive: true, capture: true })
  addEventListener("popstate", event => { place.next = event.state?.wall ?? null }, { signal })
  const sized = new ResizeObserver(() => { if (place.grid.clientWidth !== place.width) relay(place) })
  sized.observe(place.grid)
  signal.addEventListener("abort", () => sized.disconnect())
}
