// Choosing many: one by one, from here to there with Shift, what a frame that is drawn touches, or everything.
const DRAG_FROM_PX = 8
const DRAG_EDGE_PX = 60

const chooseOne = (place, id, event) => {
  const { wall } = place
  const here = place.index.get(id), from = place.index.get(place.chosenLast)
  point(place, id)
  if (event.shiftKey && from !== undefined && from !== here) {
    const [low, high] = here < from ? [here, from] : [from, here]
    wall.choose(wall.items.slice(low, high + 1).map(card => card.id))
  } else wall.choose([id], !wall.select.has(id))
  place.chosenLast = id
}

const markCard = (place, parts) => {
  const { wall } = place, is = wall.select.has(parts.id), current = place.current === parts.id
  parts.card.classList.toggle("chosen", is)
  parts.card.classList.toggle("current", current)
  parts.check.setAttribute("aria-checked", is)
  nameButton(parts.check, is ? "Don't select" : "Select")
  parts.open.tabIndex = current || (!place.current && place.index?.get(parts.id) === 0) ? 0 : -1
  for (const button of [parts.check, parts.favour, parts.reject, ...parts.scores]) button.tabIndex = current ? 0 : -1
}

// A frame drawn with the mouse, from anywhere on the wall; a click that did not move stays a click.
const watchDrag = (place, signal) => {
  const { grid, wall } = place
  grid.addEventListener("pointerdown", event => {
    if (event.button || event.pointerType !== "mouse" || event.composedPath()[0].closest?.("button")) return
    const box = grid.getBoundingClientRect()
    place.drag = { x: event.clientX - box.left, y: event.clientY - box.top, before: new Set(event.shiftKey ? wall.select : []) }
  }, { signal })
  addEventListener("pointermove", event => {
    if (!place.drag) return
    place.drag.pointer = { x: event.clientX, y: event.clientY }
    drawDrag(place)
  }, { signal })
  const end = () => {
    const drawn = place.drag?.band
    place.drag = null
    if (!drawn) return
    drawn.remove()
    grid.classList.remove("dragging")
    // The click that ends it opens nothing.
    const swallow = event => { event.preventDefault(); event.stopPropagation() }
    addEventListener("click", swallow, { capture: true, once: true })
    setTimeout(() => removeEventListener("click", swallow, { capture: true }), 0)
  }
  addEventListener("pointerup", end, { signal })
  addEventListener("pointercancel", end, { signal })
}
const drawDrag = place => {
  const { drag, grid, scroller, wall } = place
  const box = grid.getBoundingClientRect()
  const x = drag.pointer.x - box.left, y = drag.pointer.y - box.top
  if (!drag.band) {
    if (Math.hypot(x - drag.x, y - drag.y) < DRAG_FROM_PX) return
    drag.band = el("div", "band")
    grid.classList.add("dragging")
    grid.append(drag.band)
  }
  const [left, right] = [Math.min(x, drag.x), Math.max(x, drag.x)], [top, bottom] = [Math.min(y, drag.y), Math.max(y, drag.y)]
  drag.band.style.cssText = `left:${left}px;top:${top}px;width:${right - left}px;height:${bottom - top}px`
  const touched = new Set(drag.before)
  place.laid.boxes.forEach((one, at) => {
    if (one.x < right && one.x + one.w > left && one.y < bottom && one.y + one.h > top) touched.add(wall.items[at].id)
  })
  wall.chooseOnly(touched)
  const edge = scroller.getBoundingClientRect()
  if (drag.pointer.y > edge.bottom - DRAG_EDGE_PX) scroller.scrollTop += 14
  if (drag.pointer.y < edge.top + DRAG_EDGE_PX) scroller.scrollTop -= 14
}
