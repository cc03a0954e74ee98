// A wall of posters. A card is a real link, so that it opens in a new tab too; hovering plays the preview.
const HOVER_MS = 150
const SAVED_MS = 150
const RESTORED_MS = 800
const still = matchMedia("(prefers-reduced-motion: reduce)")

const makeCard = (id, place) => {
  const card = el("a", "card")
  const frame = el("div", "frame")
  const parts = {
    card, frame,
    poster: el("img", "poster"),
    blank: el("div", "blank"), blankIcon: icon(""), blankText: el("span", "why"),
    chip: el("span", "chip state"), chipIcon: icon(""), chipWord: el("span"), chipClock: el("span", "clock"),
    length: el("span", "length"),
    track: el("div", "track"), done: el("div", "done"),
    prompt: el("div", "prompt"), meta: el("div", "meta quiet"),
    model: el("span", "model"), who: el("span"), cost: el("span", "cost"), when: el("span", "when"),
  }
  parts.poster.loading = "lazy"
  parts.poster.decoding = "async"
  parts.blank.append(parts.blankIcon, parts.blankText)
  parts.chip.append(parts.chipIcon, parts.chipWord, parts.chipClock)
  parts.track.append(parts.done)
  frame.append(parts.poster, parts.blank, parts.chip, parts.length, parts.track)
  parts.meta.append(parts.model, parts.who, parts.cost, parts.when)
  card.append(frame, parts.prompt, parts.meta)
  card.dataset.testid = "take-card"
  card.dataset.take = id
  let wait
  const play = () => {
    const source = parts.data.preview
    if (!source || still.matches || parts.video) return
    wait = setTimeout(() => {
      const video = el("video", "moving")
      Object.assign(video, { muted: true, loop: true, playsInline: true, src: source })
      video.setAttribute("aria-hidden", "true")
      parts.video = video
      parts.length.before(video)
      video.play().catch(() => {})
    }, HOVER_MS)
  }
  const rest = () => {
    clearTimeout(wait)
    if (!parts.video) return
    parts.video.removeAttribute("src")
    parts.video.load()
    parts.video.remove()
    parts.video = null
  }
  card.onpointerenter = event => { if (event.pointerType !== "touch") play() }
  card.onpointerleave = rest
  card.onfocus = () => { if (card.matches(":focus-visible")) play() }
  card.onblur = rest
  card.onclick = event => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button) return
    event.preventDefault()
    remember(place)
    place.open(id)
  }
  return parts
}

const fill = (parts, data) => {
  parts.data = data
  parts.at = performance.now()
  parts.card.href = data.href
  parts.card.setAttribute("aria-label", `${data.word}: ${data.alt}`)
  if (data.poster) {
    if (parts.poster.getAttribute("src") !== data.poster) parts.poster.src = data.poster
    parts.poster.alt = data.alt
  }
  parts.poster.hidden = !data.poster
  parts.blank.hidden = Boolean(data.poster)
  setTone(parts.blank, data.tone)
  setText(parts.blankIcon, data.icon)
  setText(parts.blankText, data.why)
  parts.chip.hidden = !data.overlay
  setTone(parts.chip, data.tone)
  setText(parts.chipIcon, data.icon)
  setText(parts.chipWord, data.word)
  setText(parts.length, data.length)
  parts.track.hidden = data.share === null
  parts.done.style.width = `${Math.round((data.share ?? 0) * 100)}%`
  setText(parts.prompt, data.alt)
  setText(parts.model, data.model)
  setText(parts.who, data.who)
  setText(parts.cost, data.cost)
  parts.when.title = moment(data.created_ms)
  tick(parts)
}

const tick = parts => {
  const { elapsed_s, moving, created_ms } = parts.data
  setText(parts.chipClock, moving ? clock(elapsed_s + (performance.now() - parts.at) / 1000) : "")
  setText(parts.when, ago(created_ms))
}

// Where a person is in the wall belongs to the entry of the browser's history, so that Back finds it again.
const remember = place => {
  if (place.wanted === null && place.grid.isConnected) {
    history.replaceState({ ...history.state, wall: Math.round(place.scroller.scrollTop) }, "")
  }
}

const watch = place => {
  if (place.watching) return
  place.watching = new AbortController()
  const { signal } = place.watching
  place.scroller = (place.grid.getRootNode().host ?? place.grid).closest('[data-testid="stMain"]')
  place.scroller.addEventListener("scroll", () => {
    clearTimeout(place.saving)
    place.saving = setTimeout(remember, SAVED_MS, place)
  }, { signal, passive: true })
  for (const own of ["wheel", "touchstart", "pointerdown", "keydown"]) {
    addEventListener(own, () => { place.wanted = null }, { signal, passive: true, capture: true })
  }
  addEventListener("popstate", event => { place.next = event.state?.wall ?? 0 }, { signal })
}

// The page grows while it is drawn: it is tried until the place is there, or the person goes on by hand.
const restore = (place, until = performance.now() + RESTORED_MS) => {
  if (place.wanted === null) return
  place.scroller.scrollTop = place.wanted
  const there = Math.abs(place.scroller.scrollTop - place.wanted) < 1
  if (there || performance.now() > until) place.wanted = null
  else requestAnimationFrame(() => restore(place, until))
}

const arrows = (event, grid) => {
  const cards = [...grid.children]
  const here = cards.indexOf(event.target.closest(".card"))
  if (here < 0) return
  const across = getComputedStyle(grid).gridTemplateColumns.split(" ").length
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key]
  if (!step || !cards[here + step]) return
  event.preventDefault()
  cards[here + step].focus()
}

export default function ({ data, parentElement, setTriggerValue }) {
  const place = placeOf(parentElement, parent => {
    const grid = el("div", "root grid")
    grid.dataset.testid = "take-grid"
    grid.onkeydown = event => arrows(event, grid)
    parent.append(grid)
    return { grid, cards: new Map(), at: null, wanted: null, next: history.state?.wall ?? 0 }
  })
  place.open = id => setTriggerValue("open", id)
  watch(place)
  const wanted = new Set(data.takes.map(take => take.id))
  for (const [id, parts] of place.cards) {
    if (wanted.has(id)) continue
    parts.card.remove()
    place.cards.delete(id)
  }
  data.takes.forEach((take, position) => {
    if (!place.cards.has(take.id)) place.cards.set(take.id, makeCard(take.id, place))
    const parts = place.cards.get(take.id)
    if (place.grid.children[position] !== parts.card) {
      place.grid.insertBefore(parts.card, place.grid.children[position] ?? null)
    }
    if (JSON.stringify(parts.data) !== JSON.stringify(take)) fill(parts, take)
  })
  startClock(place, () => place.cards.forEach(tick))
  if (place.at !== data.at) {
    place.at = data.at
    place.wanted = place.next
    place.next = 0
    restore(place)
  }
  return () => {
    stopClock(place)
    place.watching?.abort()
    place.watching = null
  }
}
