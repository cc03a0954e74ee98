// A few counts, drawn to one scale.
export default function ({ data, parentElement }) {
  const { root } = placeOf(parentElement, parent => {
    const made = el("div", "root bars")
    made.dataset.testid = "bars"
    parent.append(made)
    return { root: made }
  })
  const most = Math.max(1, ...data.rows.map(row => row.count))
  root.replaceChildren(...data.rows.flatMap(row => {
    const label = el("span", "label")
    label.title = row.means
    label.append(icon(row.icon), el("span", "", row.word))
    const track = el("div", "track")
    const bar = el("div", "bar")
    setTone(bar, row.tone)
    bar.style.width = `${(row.count / most) * 100}%`
    track.append(bar)
    return [label, track, el("span", "count", row.shown ?? String(row.count))]
  }))
}
