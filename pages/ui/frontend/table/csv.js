// The rows of a table as a file, as the program's own CSV files are (`services.csv_rows`): what a spreadsheet would
// take for a formula gets an apostrophe before it, no number is in the notation of science.
const csvCell = (cell, kind) => {
  const value = Array.isArray(cell) ? cell[kind === "number" ? 1 : 0] : cell
  if (value === null) return ""
  if (kind === "moment") return new Date(value).toISOString()
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : value.toFixed(6).replace(/\.?0+$/, "")
  const text = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const csvOf = (columns, rows) => [
  columns.map(column => csvCell(column.name, "text")),
  ...rows.map(row => row.map((cell, at) => csvCell(cell, columns[at].kind))),
].map(line => `${line.join(",")}\r\n`).join("")

const saveCsv = (name, columns, rows) => {
  const link = el("a"), file = new Blob([csvOf(columns, rows)], { type: "text/csv;charset=utf-8" })
  link.href = URL.createObjectURL(file)
  link.download = `${name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-")}.csv`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60000)
}
