// The matrix of an experiment: rows and columns of cells, each with the posters of its takes. Only what is looked at
// stands on the page, however many cells there are; the takes' cards are asked for then. Resting on a poster plays it,
// a press opens it over the page; a press on a cell's words chooses the cell.
const MATRIX_GAP = 8
const MATRIX_AHEAD = 400
const MATRIX_HEAD = 40
const MATRIX_IDS = 200
const MATRIX_ASK_MS = 60
const MATRIX_TELL_MS = 1500
// A cell is this wide at least, and its words are so high.
const MATRIX_CELL = 170, MATRIX_CELL_ON_PHONES = 132, MATRIX_CELL_MAX = 420, MATRIX_WORDS = 46
// So many takes of a cell are shown; the rest is counted.
const MATRIX_TAKES = 9
// state -> what stands in the place of a poster
const MATRIX_STATES = {
  planned: ["pending", "Planned", "gray"], processing: ["timelapse", "In progress", "blue"],
  completed: ["check", "Ready", "green"], failed: ["error", "Failed", "red"], held: ["pan_tool", "Needs a decision", "orange"],
  cancelled: ["block", "Cancelled", "gray"], blocked: ["block", "Not made", "orange"], dropped: ["remove", "Dropped", "gray"],
}

const buildMatrix = parent => {
  const root = el("div", "root matrix"), box = el("div", "box"), inner = el("div", "inner"), head = el("div", "head")
  const toasts = el("div", "toasts quiet")
  root.dataset.testid = "matrix"
  box.tabIndex = 0
  box.setAttribute("role", "group")
  box.setAttribute("aria-label", "Cells")
  toasts.setAttribute("role", "status")
  inner.append(head)
  box.append(inner)
  root.append(box, toasts)
  parent.append(root)
  const wall = makeWall()
  wall.toast = words => setText(toasts, words)
  wall.press = pressWall(wall)
  return { root, box, inner, head, wall, rows: new Map(), cards: new Map(), wanted: new Set(), asked: new Set(), at: null }
}

// Rows as they are drawn: where nothing is crossed, the cells flow in as many columns as there is room for.
const layMatrix = place => {
  const { data, box } = place, width = box.clientWidth, phone = width < 520
  const least = phone ? MATRIX_CELL_ON_PHONES : MATRIX_CELL
  const flows = !data.columns.length
  const label = flows ? 0 : phone ? 92 : 150
  const cells = data.rows.flatMap(row => row.cells)
  const fits = Math.max(1, Math.floor((width + MATRIX_GAP) / (least + MATRIX_GAP)))
  const across = flows ? Math.min(fits, Math.max(1, cells.length)) : data.columns.length
  const w = Math.min(MATRIX_CELL_MAX, Math.max(least, (width - label - MATRIX_GAP * (across - 1) - 14) / across))
  const most = Math.min(MATRIX_TAKES, Math.max(1, ...data.rows.flatMap(row => row.cells.map(cell => cell?.takes.length ?? 0))))
  const side = Math.ceil(Math.sqrt(most)), tile = (w - 3 * (side - 1)) / side
  const high = Math.min(tile * 0.5625, 240)
  const lines = Math.ceil(most / side)
  const rows = flows ? Array.from({ length: Math.ceil(cells.length / across) }, (_, at) => ({ label: "", cells: cells.slice(at * across, (at + 1) * across) })) : data.rows
  const row = lines * high + 3 * (lines - 1) + MATRIX_WORDS + MATRIX_GAP
  const top = flows ? 0 : MATRIX_HEAD
  return { width, label, across, w, side, tile, high, rows, row, top, height: top + rows.length * row, flows }
}

const relayMatrix = place => {
  if (!place.box.clientWidth || !place.data) return
  const laid = (place.laid = layMatrix(place))
  const wide = laid.label + laid.across * (laid.w + MATRIX_GAP) - MATRIX_GAP
  place.inner.style.cssText = `height:${laid.height}px;width:${wide}px`
  place.box.style.maxHeight = laid.height > 900 ? "78vh" : "none"
  place.head.hidden = laid.flows
  place.head.replaceChildren(...(laid.flows ? [] : place.data.columns.map((words, at) => {
    const node = el("div", "column", place.data.called.columns[at])
    node.title = words
    node.style.cssText = `left:${laid.label + at * (laid.w + MATRIX_GAP)}px;width:${laid.w}px`
    return node
  })))
  place.heads = headsOf(place)
  place.rows.forEach(row => row.node.remove())
  place.rows.clear()
  place.cards.clear()
  drawMatrix(place)
}

// The same cells as before, further on: only those that changed are made anew, and what plays goes on.
const renewMatrix = place => {
  const was = place.laid, laid = place.box.clientWidth ? layMatrix(place) : null
  const same = was && laid && ["width", "across", "side", "row", "flows"].every(name => was[name] === laid[name])
  if (!same || was.rows.length !== laid.rows.length || place.heads !== headsOf(place)) return relayMatrix(place)
  place.laid = laid
  for (const [at, row] of place.rows) {
    for (const [column, cell] of row.cells) {
      if (cell.mark === markOf(place, laid.rows[at].cells[column])) continue
      dropCell(place)(cell)
      cell.node.remove()
      row.cells.delete(column)
    }
  }
  drawMatrix(place)
}
const headsOf = ({ data }) => JSON.stringify([data.id, data.called])
const markOf = ({ data }, cell) => JSON.stringify([cell, cell?.id === data.chosen, data.blind])

const drawMatrix = place => {
  const { laid, box, rows } = place
  if (!laid) return
  const from = box.scrollTop - MATRIX_AHEAD, to = box.scrollTop + box.clientHeight + MATRIX_AHEAD
  const first = Math.max(0, Math.floor((from - laid.top) / laid.row)), last = Math.min(laid.rows.length - 1, Math.floor((to - laid.top) / laid.row))
  const left = Math.max(0, Math.floor((box.scrollLeft - laid.label - MATRIX_AHEAD) / (laid.w + MATRIX_GAP)))
  const right = Math.min(laid.across - 1, Math.floor((box.scrollLeft + box.clientWidth + MATRIX_AHEAD) / (laid.w + MATRIX_GAP)))
  for (const [at, row] of rows) {
    if (at >= first && at <= last) continue
    row.cells.forEach(dropCell(place))
    row.node.remove()
    rows.delete(at)
  }
  for (let at = first; at <= last; at += 1) drawRow(place, at, left, right)
  askMatrix(place)
}
const dropCell = place => cell => cell.tiles.forEach(tile => {
  restCard(tile)
  const tiles = place.cards.get(tile.id)
  tiles?.delete(tile)
  if (tiles && !tiles.size) place.cards.delete(tile.id)
})
// Two cells may have one take: what is sent may be the same for both.
const fillTiles = (place, card) => place.cards.get(card.id)?.forEach(tile => fillTile(tile, card))

const drawRow = (place, at, left, right) => {
  const { laid, rows, inner } = place
  let row = rows.get(at)
  if (!row) {
    const node = el("div", "row")
    node.style.cssText = `transform:translateY(${laid.top + at * laid.row}px);height:${laid.row}px`
    row = { node, cells: new Map() }
    if (!laid.flows) {
      const name = el("div", "name", place.data.called.rows[at])
      name.title = laid.rows[at].label
      name.style.width = `${laid.label - 8}px`
      node.append(name)
    }
    rows.set(at, row)
    inner.append(node)
  }
  for (const [column, cell] of row.cells) {
    if (column >= left && column <= right) continue
    dropCell(place)(cell)
    cell.node.remove()
    row.cells.delete(column)
  }
  for (let column = left; column <= right; column += 1) {
    const data = laid.rows[at].cells[column]
    if (!data || row.cells.has(column)) continue
    const cell = makeCell(place, data)
    cell.node.style.cssText = `left:${laid.label + column * (laid.w + MATRIX_GAP)}px;width:${laid.w}px`
    row.cells.set(column, cell)
    row.node.append(cell.node)
  }
}

// What a cell is called, and how far its takes have come: told for those that are drawn alone.
const labelOf = (levels, cell) => cell.label ?? (cell.at.map((at, axis) => levels[axis][at]).filter(Boolean).join(" · ") || "the only one")
const noteOf = ({ note, dropped, takes }) => {
  if (note !== undefined) return note
  if (dropped) return "dropped"
  const count = state => takes.filter(take => take.state === state).length
  const here = count("completed"), failed = count("failed")
  const said = here < takes.length ? `${here} of ${takes.length}` : `${here} ${here === 1 ? "take" : "takes"}`
  return failed ? `${said} · ${failed} failed` : said
}

const makeCell = (place, data) => {
  const node = el("div", "cell"), { laid } = place, label = labelOf(place.data.levels, data)
  node.dataset.testid = "cell"
  node.dataset.cell = data.id
  if (data.dropped) node.dataset.dropped = ""
  const shown = data.takes.slice(0, MATRIX_TAKES)
  const tiles = shown.map((take, at) => {
    const tile = makeTile(place, take)
    tile.node.style.cssText = `left:${(at % laid.side) * (laid.tile + 3)}px;top:${Math.floor(at / laid.side) * (laid.high + 3)}px;width:${laid.tile}px;height:${laid.high}px`
    return tile
  })
  const frame = el("div", "tiles"), words = el("button", "words")
  frame.style.height = `${laid.row - MATRIX_WORDS - MATRIX_GAP}px`
  frame.append(...tiles.map(tile => tile.node))
  words.type = "button"
  words.title = label
  words.setAttribute("aria-pressed", data.id === place.data.chosen)
  if (laid.flows) words.append(el("span", "label", labelOf(place.data.called?.levels, data)))
  words.append(el("span", "note quiet", [noteOf(data), data.takes.length > MATRIX_TAKES ? `+${data.takes.length - MATRIX_TAKES} more` : ""].filter(Boolean).join(" · ")))
  words.onclick = () => place.tell("cell", data.id)
  node.append(frame, words)
  return { node, tiles, mark: markOf(place, data) }
}

// One take: what `playCard` and `restCard` of the wall play.
const makeTile = (place, take) => {
  const [name, says, tone] = MATRIX_STATES[take.state] ?? MATRIX_STATES.planned
  const node = el("div", "tile"), open = el(!take.id ? "div" : place.data.blind ? "button" : "a", "open"), sign = icon(name)
  const tile = { id: take.id, node, open, sign, take, data: {}, poster: null }
  node.dataset.state = take.state
  setTone(node, tone)
  open.title = take.why ? `${says}: ${take.why}` : says
  open.append(sign)
  node.append(open)
  if (!take.id) return tile
  open.setAttribute("aria-label", `${says} take`)
  // Without names a press plays it here: what opens over the page tells what it was made of.
  if (place.data.blind) open.onclick = () => (tile.video ? restCard(tile) : playCard(tile))
  else open.href = `take?take=${encodeURIComponent(take.id)}`
  if (!place.data.blind) open.onclick = event => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button || !place.wall.byId(take.id)) return
    event.preventDefault()
    place.wall.openLightbox(take.id)
  }
  node.onpointerenter = event => { if (event.pointerType !== "touch") playCard(tile) }
  node.onpointerleave = () => restCard(tile)
  if (!place.cards.has(take.id)) place.cards.set(take.id, new Set())
  place.cards.get(take.id).add(tile)
  const card = place.wall.byId(take.id)
  if (card) fillTile(tile, card)
  else place.wanted.add(take.id)
  return tile
}
const fillTile = (tile, card) => {
  tile.data = card
  if (card.preview && !tile.video && tile.node.matches(":hover")) playCard(tile)
  tile.state ??= card.state
  if (!card.poster || tile.poster) return
  const poster = el("img", "poster")
  poster.decoding = "async"
  poster.alt = ""
  poster.onerror = () => { poster.remove(); tile.poster = null }  // asked for again when its card comes again
  poster.src = card.poster
  tile.poster = poster
  tile.open.append(poster)
}

// Cards of what is looked at, many at once.
const askMatrix = place => {
  if (place.asking || !place.wanted.size) return
  place.asking = setTimeout(async () => {
    const ids = [...place.wanted].filter(id => !place.asked.has(id) && place.cards.has(id)).slice(0, MATRIX_IDS)
    place.wanted.clear()
    try {
      if (!ids.length) return
      ids.forEach(id => place.asked.add(id))
      const page = await askWall(place.wall.link(`wall/takes?${new URLSearchParams({ ids: ids.join(","), limit: MATRIX_IDS })}`))
      joinCards(place, page.items)
    } catch (error) {
      ids.forEach(id => place.asked.delete(id))
      place.wall.toast(error.message)
    } finally {
      place.asking = null
      place.cards.forEach((tiles, id) => { if (!place.asked.has(id)) place.wanted.add(id) })
      askMatrix(place)
    }
  }, MATRIX_ASK_MS)
}
const joinCards = (place, cards) => {
  const all = new Map([...place.wall.items, ...cards].map(card => [card.id, card]))
  const items = place.order.filter(id => all.has(id)).map(id => all.get(id))
  place.wall.begin({ query: `experiment=${place.at}`, takes: items, next_cursor: null }, false)
  cards.forEach(card => fillTiles(place, card))
}

// What changed is told to the page together, at most every so often.
const tellSoon = place => {
  place.telling ??= setTimeout(() => { place.telling = null; place.tell("changed", `${Date.now()}`) }, MATRIX_TELL_MS)
}

export default function ({ data, parentElement, setTriggerValue }) {
  const place = placeOf(parentElement, buildMatrix)
  place.stopped?.abort()
  place.stopped = new AbortController()
  const { signal } = place.stopped
  if (place.at !== data.id) { place.wall.begin({ query: "", takes: [], next_cursor: null }, false); place.asked.clear() }
  Object.assign(place, { data, at: data.id, tell: setTriggerValue })
  Object.assign(place.wall, { me: data.me })
  place.order = data.rows.flatMap(row => row.cells.flatMap(cell => cell?.takes.map(take => take.id).filter(Boolean) ?? []))
  renewMatrix(place)
  let asked = 0
  place.box.addEventListener("scroll", () => { asked ||= requestAnimationFrame(() => { asked = 0; drawMatrix(place) }) }, { signal, passive: true })
  const sized = new ResizeObserver(() => { if (place.box.clientWidth && place.box.clientWidth !== place.laid?.width) relayMatrix(place) })
  sized.observe(place.box)
  signal.addEventListener("abort", () => sized.disconnect())
  place.light ??= attachLight(place.wall, place.root)
  place.live = liveHub().subscribe({
    of: place,
    at: data.newest_move,
    shown: () => [...place.cards.keys()],
    takes: cards => {
      place.wall.merge(cards)
      for (const card of cards) {
        fillTiles(place, card)
        place.cards.get(card.id)?.forEach(tile => {
          if (tile.state !== card.state) tellSoon(place)
          tile.state = card.state
        })
      }
    },
    fresh: () => { if (data.moves) tellSoon(place) },
  })
  return () => {
    place.live()
    place.stopped.abort()
    clearTimeout(place.telling)
    place.telling = null
    whenGone(place.root, () => { place.light(); place.light = null })
  }
}
