// Where every card stands: rows of one height that fill the width (fit), or columns of one width (S, M, L).
const WALL_GAP = 14
const WALL_HEADING = 44
// size -> the least width of a column, the height of the words below a picture, and the box of the picture
const WALL_SIZES = {
  S: { column: 176, words: 44, shape: 4 / 3 },
  M: { column: 260, words: 64, shape: 4 / 3 },
  L: { column: 390, words: 64, shape: 4 / 3 },
}
// Rows of "fit" are about this high; a picture is never narrower than this.
const FIT = { high: 208, highOnPhones: 170, narrowest: 128, words: 46, widest: 2.6, tallest: 0.42 }

const shapeOf = card => {
  const [w, h] = String(card.ratio ?? "").split(":").map(Number)
  const shape = card.width && card.height ? card.width / card.height : w > 0 && h > 0 ? w / h : 16 / 9
  return Math.min(FIT.widest, Math.max(FIT.tallest, shape))
}
const dayOf = ms => new Date(ms).toDateString()
const dayWords = ms => {
  const day = new Date(ms), days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(ms).setHours(0, 0, 0, 0)) / 864e5)
  if (days === 0) return "Today"
  if (days === 1) return "Yesterday"
  const year = day.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" }
  return day.toLocaleDateString(undefined, { weekday: "long", day: "numeric", month: "long", ...year })
}

// items -> boxes in their order ({x, y, w, h, frame}), headings ({y, words}), and the height of all.
const layWall = (items, { width, size, days }) => {
  const boxes = [], headings = []
  let y = 0, from = 0
  const lay = size === "fit" ? layFit : layColumns
  while (from < items.length) {
    let to = items.length
    if (days) {
      const day = dayOf(items[from].created_ms)
      to = from + 1
      while (to < items.length && dayOf(items[to].created_ms) === day) to += 1
      headings.push({ y, words: dayWords(items[from].created_ms), key: day })
      y += WALL_HEADING
    }
    y = lay(items.slice(from, to), boxes, y, width, WALL_SIZES[size]) + (days ? WALL_GAP : 0)
    from = to
  }
  return { boxes, headings, height: y }
}

const layColumns = (cards, boxes, top, width, { column, words, shape }) => {
  const across = Math.max(width < 480 && column < 300 ? 2 : 1, Math.floor((width + WALL_GAP) / (column + WALL_GAP)))
  const w = (width - WALL_GAP * (across - 1)) / across
  const frame = w / shape, h = frame + words
  cards.forEach((_, at) => boxes.push({
    x: (at % across) * (w + WALL_GAP), y: top + Math.floor(at / across) * (h + WALL_GAP), w, h, frame,
  }))
  return top + Math.ceil(cards.length / across) * (h + WALL_GAP)
}

const layFit = (cards, boxes, top, width) => {
  const high = width < 520 ? FIT.highOnPhones : FIT.high
  let y = top, row = [], sum = 0
  const close = full => {
    const room = width - WALL_GAP * (row.length - 1)
    const frame = full ? Math.min(room / sum, high * 1.35) : Math.min(high, room / sum)
    let x = 0
    row.forEach(shape => {
      boxes.push({ x, y, w: frame * shape, h: frame + FIT.words, frame })
      x += frame * shape + WALL_GAP
    })
    y += frame + FIT.words + WALL_GAP
    row = []
    sum = 0
  }
  for (const card of cards) {
    const shape = Math.max(shapeOf(card), FIT.narrowest / high)
    const filled = sum * high + WALL_GAP * (row.length - 1)
    // One more would squeeze the row further than leaving it as it is stretches it.
    if (row.length && filled + (shape * high) / 2 > width) close(true)
    row.push(shape)
    sum += shape
  }
  if (row.length) close(sum * high + WALL_GAP * (row.length - 1) > width)
  return y
}
