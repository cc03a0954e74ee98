// What happened to a take, line by line: when, what, who.
export default function ({ data, parentElement }) {
  const list = placeOf(parentElement, parent => {
    const made = el("ol", "root history")
    made.dataset.testid = "history"
    parent.append(made)
    return { made }
  }).made
  drawWhenChanged(list, data.rows, () => data.rows.map(row => {
    const line = el("li")
    const at = new Date(row.at_ms)
    const today = at.toDateString() === new Date().toDateString()
    const style = today ? { timeStyle: "medium" } : { dateStyle: "short", timeStyle: "short" }
    const time = el("time", "quiet", at.toLocaleString(undefined, style))
    time.title = moment(row.at_ms)
    const chip = el("span", "chip", "")
    setTone(chip, row.tone)
    chip.append(icon(row.icon), el("span", "", row.word))
    const told = el("div", "told")
    told.append(chip, el("span", "", row.what), el("span", "quiet", `by ${row.who}`))
    if (row.note) told.append(el("span", "quiet note", row.note))
    line.append(time, told)
    return line
  }))
}
