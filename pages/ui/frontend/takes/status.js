// Where one take stands: state, time that has passed against the usual time, bytes on their way.
const build = parent => {
  const root = el("div", "root status")
  root.dataset.testid = "status"
  const head = el("div", "head")
  const chip = el("span", "chip")
  const parts = {
    root, chip, chipIcon: icon(""), word: el("span"),
    time: el("span", "time"), usual: el("span", "quiet"), extra: el("span", "quiet"),
    track: el("div", "track"), done: el("div", "done"),
    prompt: el("div", "prompt"), about: el("div", "about quiet"), note: el("div", "note"),
  }
  chip.append(parts.chipIcon, parts.word)
  head.append(chip, parts.time, parts.usual, parts.extra)
  parts.track.append(parts.done)
  root.append(head, parts.track, parts.prompt, parts.about, parts.note)
  parent.append(root)
  return parts
}

// Past the time in which nearly all are done: what that means, and what is done about it.
const slower = (data, rendering, since) => {
  if (!data.late_s || rendering <= data.late_s) return ""
  const left = data.next_s === null ? null : Math.round(data.next_s - since)
  return `slower than usual; still safe${left === null ? "" : `; asked again ${left >= 1 ? `in ${left} s` : "now"}`}`
}

const draw = parts => {
  const { data } = parts
  const since = data.moving ? (performance.now() - parts.at) / 1000 : 0
  const rendering = data.rendering_s === null ? null : data.rendering_s + since
  setText(parts.time, `${data.moving ? "" : data.ended ? "took " : "for "}${clock(rendering ?? data.elapsed_s + since)}`)
  setText(parts.usual, rendering === null ? "" : slower(data, rendering, since) || (data.usual && `usually ${data.usual}`))
  // Only rendering is measured by the usual time: while a take waits, no bar moves.
  const share = data.share ?? (rendering !== null && data.usual_s ? Math.min(rendering / data.usual_s, 0.97) : null)
  parts.track.hidden = !data.moving || share === null
  parts.track.title = data.share === null ? "Time against the usual time" : "Bytes of the file that are here"
  parts.done.style.width = `${((share ?? 0) * 100).toFixed(1)}%`
}

// One way to fill it, whether the page or the live connection says so.
const fill = (parts, data) => {
  parts.data = data
  parts.at = performance.now()
  parts.root.dataset.take = data.id
  parts.root.dataset.state = data.state
  setTone(parts.chip, data.tone)
  parts.chip.title = data.means
  setText(parts.chipIcon, data.icon)
  setText(parts.word, data.word)
  setText(parts.extra, data.queue)
  setText(parts.prompt, data.shows_prompt ? data.alt : "")
  setText(parts.about, `${data.model} · ${data.who} · ${data.cost}`)
  setText(parts.note, data.shows_note ? data.trouble : "")
  draw(parts)
  if (data.moving) startClock(parts, () => draw(parts))
  else stopClock(parts)
}

export default function ({ data, parentElement }) {
  const parts = placeOf(parentElement, build)
  if (!parts.data || parts.data.id !== data.id || data.version >= parts.data.version) fill(parts, data)
  const leave = liveHub().subscribe({
    of: parts,
    shown: () => [parts.data.id],
    takes: cards => {
      const card = cards.find(one => one.id === parts.data.id)
      if (card && card.version >= parts.data.version) fill(parts, { ...parts.data, ...card })
    },
  })
  return () => {
    stopClock(parts)
    leave()
  }
}
