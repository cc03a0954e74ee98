// What a text or a spreadsheet puts on the clipboard, as rows of cells that tabs keep apart. A cell in quotes is taken
// out of them only where it needs them, for lines, tabs or quotes of its own: a prompt may be somebody's words.
const QUOTED_CELL = /"((?:[^"]|"")*)"(?=[\t\n]|$)/y
const PLAIN_CELL = /[^\t\n]*/y

const readPasted = text => {
  const said = text.replace(/\r\n?/g, "\n").replace(/\n+$/, ""), rows = [[]]
  for (let at = 0; ;) {
    QUOTED_CELL.lastIndex = PLAIN_CELL.lastIndex = at
    const quoted = QUOTED_CELL.exec(said), needed = quoted && /[\t\n]|""/.test(quoted[1])
    const whole = needed ? quoted[0] : PLAIN_CELL.exec(said)[0]
    rows.at(-1).push((needed ? quoted[1].replaceAll('""', '"') : whole).trim())
    at += whole.length
    if (at >= said.length) return rows.filter(row => row.some(Boolean))
    if (said[at] === "\n") rows.push([])
    at += 1
  }
}

// What rows of cells mean: [axis, value] for each. Two columns of which the first names what is varied, or columns
// under their names; anything else is values of the one axis that they were pasted into. nameOf: a text -> the
// axis that is called so, if any.
const levelsPasted = (rows, axis, nameOf) => {
  const [head, ...rest] = rows
  if (rows.every(row => row.length === 2 && nameOf(row[0]))) {
    return rows.filter(row => row[1]).map(([name, value]) => [nameOf(name), value])
  }
  if (rest.length && head.length > 1 && head.every(nameOf)) {
    return head.flatMap((name, at) => rest.filter(row => row[at]).map(row => [nameOf(name), row[at]]))
  }
  return rows.flat().filter(Boolean).map(value => [axis, value])
}
