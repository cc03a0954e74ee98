// Labels and what belongs to them; moments in the reader's own time zone; long values can be copied.
const copier = value => {
  const button = el("button", "copy")
  button.type = "button"
  button.title = "Copy"
  button.setAttribute("aria-label", "Copy")
  button.append(icon("content_copy"))
  button.onclick = async () => {
    await navigator.clipboard.writeText(value)
    button.firstChild.textContent = "check"
    setTimeout(() => { button.firstChild.textContent = "content_copy" }, 1200)
  }
  return button
}

const cell = row => {
  const value = el("dd", row.mono ? "mono" : "")
  if (row.at_ms) {
    const time = el("time", "", moment(row.at_ms))
    time.dateTime = new Date(row.at_ms).toISOString()
    time.title = ago(row.at_ms)
    value.append(time)
    if (row.value) value.append(el("span", "quiet after", row.value))
  } else {
    value.append(el("span", "", row.value))
  }
  if (row.copy) value.append(copier(row.value))
  return value
}

export default function ({ data, parentElement }) {
  const list = placeOf(parentElement, parent => {
    const made = el("dl", "root facts")
    parent.append(made)
    return { made }
  }).made
  list.dataset.testid = data.testid
  drawWhenChanged(list, data.rows, () => data.rows.flatMap(row => [el("dt", "quiet", row.label), cell(row)]))
}
