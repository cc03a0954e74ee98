// The files of a take: a poster each, with what it is and its download. The one that is pressed is shown large.
const makeTile = place => {
  const tile = el("div", "tile"), frame = el("button", "frame"), about = el("div", "about")
  const parts = {
    tile, frame,
    poster: el("img", "poster"), blank: el("div", "blank"), blankIcon: icon(""),
    chip: el("span", "chip state"), chipIcon: icon(""), chipWord: el("span"), length: el("span", "length"),
    role: el("div", "role"), meta: el("div", "meta quiet"), get: el("a", "get"), why: el("div", "why quiet"),
  }
  frame.type = "button"
  parts.poster.loading = "lazy"
  parts.poster.decoding = "async"
  parts.blank.append(parts.blankIcon)
  parts.chip.append(parts.chipIcon, parts.chipWord)
  frame.append(parts.poster, parts.blank, parts.chip, parts.length)
  parts.get.append(icon("download"))
  const words = el("div", "words")
  words.append(parts.role, parts.meta)
  about.append(words, parts.get)
  tile.append(frame, about, parts.why)
  tile.dataset.testid = "take-file"
  frame.onclick = () => place.choose(parts.data.role)
  return parts
}

const fill = (parts, data, chosen) => {
  parts.data = data
  parts.tile.dataset.role = data.role
  parts.frame.setAttribute("aria-label", `Show ${data.role}: ${data.word || data.meta}`)
  parts.frame.setAttribute("aria-pressed", data.role === chosen)
  if (data.poster && parts.poster.getAttribute("src") !== data.poster) parts.poster.src = data.poster
  parts.poster.alt = ""
  parts.poster.hidden = !data.poster
  parts.blank.hidden = Boolean(data.poster)
  setTone(parts.blank, data.tone)
  setText(parts.blankIcon, data.icon)
  parts.chip.hidden = !data.word
  setTone(parts.chip, data.tone)
  setText(parts.chipIcon, data.word_icon)
  setText(parts.chipWord, data.word)
  setText(parts.length, data.length)
  setText(parts.role, data.role)
  parts.role.title = data.role
  setText(parts.meta, data.meta)
  setText(parts.why, data.why)
  parts.why.title = data.why
  parts.get.hidden = !data.href
  if (data.href) {
    parts.get.href = data.href
    parts.get.target = "_blank"
    parts.get.setAttribute("aria-label", `Download ${data.role}, ${data.meta}`)
    parts.get.title = `Download ${data.role}`
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const place = placeOf(parentElement, parent => {
    const strip = el("div", "root strip")
    strip.dataset.testid = "take-files"
    parent.append(strip)
    return { strip, tiles: [] }
  })
  place.choose = role => setTriggerValue("choose", role)
  while (place.tiles.length > data.files.length) place.tiles.pop().tile.remove()
  data.files.forEach((file, position) => {
    if (!place.tiles[position]) {
      place.tiles[position] = makeTile(place)
      place.strip.append(place.tiles[position].tile)
    }
    fill(place.tiles[position], file, data.chosen)
  })
}
