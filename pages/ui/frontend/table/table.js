// Rows in columns: sorted by a press on a head, saved as CSV; where rows have ids, one of them can be chosen.
//
// So many rows are drawn at once, and as many again whenever the end of them comes near.
const ROWS_AT_ONCE = 200

const buildTable = parent => {
  const root = el("div", "root"), area = el("div", "area"), table = el("table"), caption = el("caption", "unseen")
  const head = el("thead"), body = el("tbody"), end = el("div"), foot = el("div", "foot")
  const count = el("span", "quiet"), save = el("button", "save")
  root.dataset.testid = "table"
  save.type = "button"
  save.append(icon("download"))
  table.append(caption, head, body)
  area.append(table, end)
  foot.append(count, save)
  root.append(area, foot)
  parent.append(root)
  const place = { area, table, caption, head, body, count, save, sorted: null, chosen: "", told: "" }
  save.onclick = () => saveCsv(place.data.name, place.data.columns, place.order.map(row => place.data.rows[row]))
  body.onclick = event => pressRow(place, event)
  body.onkeydown = event => moveInRows(place, event)
  new IntersectionObserver(([seen]) => { if (seen.isIntersecting) drawMore(place) }, { root: area, rootMargin: "800px" }).observe(end)
  const resized = new ResizeObserver(() => markScrolls(place))
  resized.observe(area)
  resized.observe(table)
  return place
}

// What scrolls is reached by Tab, for those who have no wheel; rows that can be chosen are reached as it is.
const markScrolls = ({ area, data }) => {
  const scrolls = area.scrollHeight > area.clientHeight + 1 || area.scrollWidth > area.clientWidth + 1
  if (scrolls && !data.ids.length) area.tabIndex = 0
  else area.removeAttribute("tabindex")
}

const drawHead = place => {
  drawWhenChanged(place.head, [place.data.columns, place.sorted], () => [headOf(place)])
}

const headOf = place => {
  const line = el("tr")
  line.append(...place.data.columns.map((column, at) => {
    const cell = el("th", column.kind), sort = el("button", "sort"), mark = icon("")
    const isSorted = place.sorted?.name === column.name
    cell.scope = "col"
    if (isSorted) cell.setAttribute("aria-sort", place.sorted.falling ? "descending" : "ascending")
    sort.type = "button"
    mark.textContent = isSorted ? (place.sorted.falling ? "arrow_downward" : "arrow_upward") : "unfold_more"
    sort.append(el("span", "", column.name), mark)
    sort.onclick = () => sortBy(place, column.name, at)
    cell.append(sort)
    return cell
  }))
  return line
}

// Upwards, downwards, and as it came.
const sortBy = (place, name, at) => {
  const was = place.sorted?.name === name ? place.sorted : null
  place.sorted = was?.falling ? null : { name, falling: Boolean(was) }
  drawHead(place)
  drawBody(place, ROWS_AT_ONCE)
  place.area.scrollTop = 0
  place.head.querySelectorAll("button")[at].focus({ preventScroll: true })
}

const drawBody = (place, drawn) => {
  const { rows, columns } = place.data
  const at = columns.findIndex(column => column.name === place.sorted?.name)
  place.order = at < 0 ? rows.map((_, row) => row) : inOrder(rows, at, place.sorted.falling)
  place.body.replaceChildren(...place.order.slice(0, drawn).map((row, at) => makeRow(place, row, at)))
  markChosen(place)
}

const drawMore = place => {
  const drawn = place.body.childElementCount
  const more = place.order.slice(drawn, drawn + ROWS_AT_ONCE)
  place.body.append(...more.map((row, at) => makeRow(place, row, drawn + at)))
  markChosen(place)
}

const makeRow = (place, row, position) => {
  const line = el("tr")
  line.append(...place.data.rows[row].map((cell, at) => makeCell(place, cell, at)))
  line.setAttribute("aria-rowindex", position + 2)
  if (place.data.ids.length) line.dataset.id = place.data.ids[row]
  return line
}

// One row can be reached by Tab: the chosen one, else the first; the others from there.
const markChosen = (place, focused = null) => {
  if (!place.data.ids.length) return
  const lines = [...place.body.children]
  const reached = focused ?? lines.find(line => line.dataset.id === place.chosen) ?? lines[0]
  for (const line of lines) {
    line.setAttribute("aria-selected", line.dataset.id === place.chosen)
    line.tabIndex = line === reached ? 0 : -1
  }
}

const choose = (place, line) => {
  place.chosen = line.dataset.id === place.chosen ? "" : line.dataset.id
  markChosen(place, line)
  place.tell(place.chosen || null)
}

const pressRow = (place, event) => {
  const line = event.target.closest("tr")
  const marked = (place.body.getRootNode().getSelection?.() ?? getSelection())?.toString()
  // Who marks a text to copy it, chooses nothing.
  if (line?.dataset.id && !marked) choose(place, line)
}

const moveInRows = (place, event) => {
  const line = event.target.closest("tr")
  if (!line?.dataset.id || event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key === "Enter" || event.key === " ") choose(place, line)
  else {
    const { nextElementSibling: next, previousElementSibling: before } = line
    const { firstElementChild: first, lastElementChild: last } = place.body
    const to = { ArrowDown: next, ArrowUp: before, Home: first, End: last }[event.key]
    if (!to) return
    markChosen(place, to)
    to.focus()
  }
  event.preventDefault()
}

const rowsCalled = number => (number === 1 ? "1 row" : `${tableNumber.format(number)} rows`)

const drawTable = place => {
  const { data } = place, called = rowsCalled(data.rows.length)
  place.formats = data.columns.map(({ kind }, at) => (kind === "moment" ? momentFormat(data.rows.map(row => row[at])) : null))
  if (data.ids.length) place.table.setAttribute("role", "grid")
  place.table.toggleAttribute("data-pinned", data.pinned)
  place.table.setAttribute("aria-rowcount", data.rows.length + 1)
  place.area.setAttribute("role", "region")
  place.area.setAttribute("aria-label", data.name)
  place.area.style.maxHeight = data.height ? `min(${data.height}px, 75vh)` : ""
  place.caption.textContent = data.name
  place.count.textContent = called
  place.save.title = `Save as CSV: ${called}`
  place.save.setAttribute("aria-label", `${data.name}: save ${called} as CSV`)
  const focused = place.body.getRootNode().activeElement?.closest("tbody tr")?.dataset.id
  drawHead(place)
  // As many as there are: it stays where it was scrolled to.
  drawBody(place, Math.max(ROWS_AT_ONCE, place.body.childElementCount))
  const again = focused && [...place.body.children].find(line => line.dataset.id === focused)
  if (again) {
    markChosen(place, again)
    again.focus({ preventScroll: true })
  }
  markScrolls(place)
}

export default function ({ data, parentElement, setStateValue }) {
  const place = placeOf(parentElement, buildTable)
  place.tell = id => setStateValue("chosen", id)
  const { chosen, ...about } = data, given = JSON.stringify(about)
  place.data = data
  if (chosen !== place.told) place.told = place.chosen = chosen
  if (place.given !== given) {
    place.given = given
    drawTable(place)
  } else markChosen(place)
}
