// What the lightbox is made of. Nothing here knows what a key does.
const SWIPE_PX = 60

const buildLightbox = box => {
  const parts = {
    root: el("div", "lightbox"), top: el("header", "top"), middle: el("div", "middle"), screen: el("div", "screen"),
    bottom: el("footer", "bottom"), place: el("span", "place"), chip: el("span", "standing"), prompt: el("span", "caption"),
    message: el("div", "message"), help: buildHelp(LIGHT_KEYS, "On a touch screen: left and right to move, up to pick, down to reject."),
    compareKey: lightKey("compare", "Compare (C)", () => box.how.compare()),
    downloadKey: lightKey("download", "Download (D)", () => box.download()),
    undoKey: lightKey("undo", "Undo (Z)", () => box.undo()),
    trashKey: lightKey("delete", "To the trash (Del)", () => box.toTrash()),
    detailsKey: lightKey("info", "Details (I)", () => box.toggleDetails()),
    helpKey: lightKey("keyboard", "Keys (H)", () => box.toggleHelp()),
    goOn: lightKey("fast_forward", "Go on after each verdict (A)", () => box.toggleGoOn()),
    close: lightKey("close", "Back to the wall (Esc)", () => box.how.leave()),
    previous: lightKey("chevron_left", "The take before (←)", () => box.turn(-1)),
    next: lightKey("chevron_right", "The next take (→)", () => box.turn(1)),
    controls: makeControls(box.transport, box.sound),
    verdicts: makeVerdicts(set => box.give(set)),
    film: makeFilmstrip(id => box.showAt(box.order.ids.indexOf(id))),
  }
  const { top, middle, bottom } = parts, tools = el("div", "tools"), line = el("div", "line")
  parts.previous.classList.add("turn", "back")
  parts.next.classList.add("turn", "on")
  parts.helpKey.classList.add("keys-only")
  parts.message.setAttribute("role", "status")
  setText(parts.message, "")
  tools.append(parts.undoKey, parts.trashKey, parts.compareKey, parts.downloadKey, parts.detailsKey, parts.helpKey, parts.close)
  top.append(parts.place, parts.chip, parts.prompt, tools)
  middle.append(parts.previous, parts.screen, parts.next, box.details.root, parts.message, parts.help)
  line.append(parts.controls.bar, parts.verdicts.root, parts.goOn)
  bottom.append(line, parts.film.root)
  parts.root.append(top, middle, bottom)
  box.details.root.hidden = true
  markPressed(parts.goOn, box.goesOn)
  markPressed(parts.detailsKey, false)
  markPressed(parts.helpKey, false)
  onSwipe(parts.screen, {
    left: () => box.turn(1), right: () => box.turn(-1), tap: () => box.transport.toggle(),
    up: () => box.give({ favourite: true }), down: () => box.give({ review: "rejected" }),
  })
  return parts
}

// What the team decided of it, and who.
const reviewedWords = card => {
  const review = REVIEWS[reviewOf(card)]
  return review ? `${review.word}${card.review.by ? ` by ${card.review.by}` : ""}` : ""
}

const drawLightbox = box => {
  const { parts, card, order, wall } = box
  const all = wall.total ?? order.ids.length
  setText(parts.place, `${order.at + 1} of ${wall.cursor && !wall.total ? `${all}+` : all}`)
  setText(parts.chip, card.trashed ? "In the trash" : card.status === "completed" ? reviewedWords(card) : card.word)
  setText(parts.prompt, card.alt)
  parts.prompt.title = card.prompt || card.alt
  parts.previous.disabled = order.at === 0
  parts.downloadKey.disabled = !card.download
  parts.trashKey.disabled = !card.may?.trash || card.trashed
  parts.verdicts.draw(card, wall.blind)
  parts.film.draw(order.ids, order.at, id => order.cardOf(id))
}

// A finger moves what it lies on; far enough, it is meant. A tap, also of a mouse, is one of its own.
const onSwipe = (area, acts) => {
  let from = null
  const shift = (x, y) => area.style.setProperty("--shift", x || y ? `translate(${x}px, ${y}px)` : "none")
  const rest = () => { from = null; shift(0, 0); delete area.dataset.swipe }
  area.addEventListener("pointerdown", event => {
    if (event.button || event.target.closest("a, button")) return
    from = { x: event.clientX, y: event.clientY, id: event.pointerId }
    area.setPointerCapture(event.pointerId)
  })
  area.addEventListener("pointermove", event => {
    if (event.pointerId !== from?.id || event.pointerType !== "touch") return
    const x = event.clientX - from.x, y = event.clientY - from.y
    area.dataset.swipe = swipeOf(x, y) ?? ""
    if (Math.abs(x) > Math.abs(y)) shift(x, 0)
    else shift(0, y)
  })
  area.addEventListener("pointerup", event => {
    if (event.pointerId !== from?.id) return
    const x = event.clientX - from.x, y = event.clientY - from.y
    const way = event.pointerType === "touch" ? swipeOf(x, y) : null
    rest()
    if (way) acts[way]()
    else if (Math.hypot(x, y) < 10) acts.tap()
  })
  area.addEventListener("pointercancel", rest)
}

const swipeOf = (x, y) => {
  if (Math.max(Math.abs(x), Math.abs(y)) < SWIPE_PX) return null
  if (Math.abs(x) > Math.abs(y)) return x < 0 ? "left" : "right"
  return y < 0 ? "up" : "down"
}
