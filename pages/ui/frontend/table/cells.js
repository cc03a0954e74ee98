// Cells of a table: how each is read, and in which order rows stand. A cell is a text, a number, a moment in
// milliseconds, or both what is read and what it is sorted by.
const tableNumber = new Intl.NumberFormat(undefined, { maximumFractionDigits: 6 })
const ONE_LINE = 48
const tableOrder = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" })

// Moments of one column are told alike: with their year where not all are of this one.
const momentFormat = values => {
  const year = new Date().getFullYear()
  const others = values.some(ms => ms !== null && new Date(ms).getFullYear() !== year)
  return new Intl.DateTimeFormat(undefined, {
    day: "numeric", month: "short", ...(others ? { year: "numeric" } : {}),
    hour: "2-digit", minute: "2-digit", second: "2-digit",
  })
}

const cellValue = cell => (Array.isArray(cell) ? cell[1] : cell)

// Numbers and moments by their size, texts as people sort them; what is not known is last, whichever way.
const inOrder = (rows, at, falling) => {
  const way = falling ? -1 : 1
  const compare = (a, b) => {
    if (a === null || b === null) return (a === null) - (b === null)
    return way * (typeof a === "number" && typeof b === "number" ? a - b : tableOrder.compare(a, b))
  }
  const values = rows.map(row => cellValue(row[at]))
  return rows.map((_, row) => row).sort((a, b) => compare(values[a], values[b]) || a - b)
}

const makeCell = (place, cell, at) => {
  const { columns, pinned, unknown } = place.data, column = columns[at]
  const node = el(pinned && at === 0 ? "th" : "td", column.wide ? `${column.kind} wide` : column.kind)
  if (pinned && at === 0) node.scope = "row"
  if (cell === null) {
    node.textContent = unknown
  } else if (column.kind === "moment") {
    const time = el("time", "", place.formats[at].format(cell))
    time.dateTime = new Date(cell).toISOString()
    time.title = moment(cell)
    node.append(time)
  } else {
    const value = Array.isArray(cell) ? cell[0] : cell
    node.textContent = typeof value === "number" ? tableNumber.format(value) : value
    // A name, or what something is with its id, is read and copied in one line.
    if (column.kind === "text" && value.length <= ONE_LINE && !value.includes("\n")) node.classList.add("whole")
  }
  return node
}
