// One take on the wall. The picture is a real link, so that it opens in a new tab too; resting on it plays the
// preview; stars, rejections and ratings are given on it, without opening.
const WALL_HOVER_MS = 150
const wallStill = matchMedia("(prefers-reduced-motion: reduce)")
// The team's word on a take: always word and icon, so that no colour has to be told from another.
const REVIEWS = {
  selected: { word: "Selected", icon: "bookmark_added", tone: "blue" },
  approved: { word: "Approved", icon: "verified", tone: "green" },
  rejected: { word: "Rejected", icon: "thumb_down", tone: "red" },
  to_edit: { word: "To edit", icon: "edit_note", tone: "orange" },
}
const reviewOf = card => card.review?.state ?? "none"
const mineOf = card => card.rating?.mine ?? null

const pressable = (name, label, className, act) => {
  const button = el("button", className)
  button.type = "button"
  button.tabIndex = -1
  button.append(icon(name))
  nameButton(button, label)
  button.onclick = event => {
    event.preventDefault()
    event.stopPropagation()
    act(event)
  }
  return button
}
const nameButton = (button, label) => {
  if (button.title === label) return
  button.title = label
  button.setAttribute("aria-label", label)
}

const makeWallCard = (item, wall, acts) => {
  const id = item.id
  const card = el("article", "card")
  card.dataset.testid = "take-card"
  card.dataset.take = id
  const open = el("a", "open"), frame = el("div", "frame")
  const parts = {
    id, card, frame, open, wall, acts,
    poster: el("img", "poster"), blank: el("div", "blank"), blankIcon: icon(""), blankText: el("span", "why"),
    chip: el("span", "chip state"), chipIcon: icon(""), chipWord: el("span"), chipClock: el("span", "clock"),
    save: el("a", "chip state save"), saveWord: el("span"), failed: null, whenFailed: () => fillSave(parts),
    length: el("span", "length"), track: el("div", "track"), done: el("div", "done"),
    marks: el("div", "marks"), review: el("span", "chip review"), reviewIcon: icon(""), reviewWord: el("span"),
    star: el("span", "star", "★"), rated: el("span", "rated"),
    words: el("div", "words"), prompt: el("div", "prompt"), differs: el("div", "differs"), meta: el("div", "meta quiet"),
    model: el("span", "model"), who: el("span"), cost: el("span", "cost"), when: el("span", "when"),
  }
  parts.poster.decoding = "async"
  parts.blank.append(parts.blankIcon, parts.blankText)
  parts.chip.append(parts.chipIcon, parts.chipWord, parts.chipClock)
  parts.track.append(parts.done)
  parts.review.append(parts.reviewIcon, parts.reviewWord)
  parts.star.setAttribute("title", "Starred by you")
  parts.marks.append(parts.star, parts.review, parts.rated)
  parts.check = pressable("check", "Select", "check", event => acts.choose(id, event))
  parts.check.setAttribute("role", "checkbox")
  parts.opinion = makeOpinion(parts)
  open.append(parts.poster, parts.blank)
  parts.save.append(icon("movie_off"), parts.saveWord)
  parts.save.download = ""
  frame.append(open, parts.chip, parts.save, parts.length, parts.marks, parts.track, parts.check, parts.opinion)
  parts.meta.append(parts.model, parts.who, parts.cost, parts.when)
  parts.words.append(parts.prompt, parts.differs, parts.meta)
  card.append(frame, parts.words)
  listenCard(parts)
  return parts
}

// What is pressed on a card: star, reject, and one to five.
const makeOpinion = parts => {
  const { id, wall } = parts, bar = el("div", "opinion")
  parts.favour = pressable("star", "Star (F)", "tool favour", () => wall.press("f", [id]))
  parts.reject = pressable("thumb_down", "Reject (X)", "tool reject", () => wall.press("x", [id]))
  parts.scores = [1, 2, 3, 4, 5].map(score => {
    const button = pressable("", `Rate ${score} of 5 (${score})`, "tool score", () => wall.press(String(score), [id]))
    button.textContent = score
    return button
  })
  const scores = el("div", "scores")
  scores.append(...parts.scores)
  bar.append(parts.favour, scores, parts.reject)
  return bar
}

const listenCard = parts => {
  const { card, open, acts, id } = parts
  // Touch points at nothing before it presses: what pointing shows would lie under the finger that opens the take.
  // All of it is one thing to point at: a page that moves a little under the pointer stops nothing.
  card.onpointerenter = event => {
    if (event.pointerType === "touch") return
    card.classList.add("pointed")
    playCard(parts)
  }
  card.onpointerleave = () => {
    card.classList.remove("pointed")
    restCard(parts)
  }
  card.onpointermove = event => { if (event.pointerType !== "touch") acts.point(id) }
  open.onfocus = () => { acts.point(id); if (open.matches(":focus-visible")) playCard(parts) }
  open.onblur = () => restCard(parts)
  open.draggable = false
  open.onclick = event => {
    if (event.metaKey || event.ctrlKey || event.altKey || event.button) return
    event.preventDefault()
    if (event.shiftKey) acts.choose(id, event)
    else acts.open(id)
  }
}

const playCard = parts => {
  const source = parts.data.preview
  if (!source || wallStill.matches || parts.video || parts.wait || parts.failed === source) return
  parts.wait = setTimeout(() => showFilm(parts, source), WALL_HOVER_MS)
}
const showFilm = (parts, source) => {
  const video = el("video", "moving")
  Object.assign(video, { muted: true, loop: true, playsInline: true, src: source })
  video.setAttribute("aria-hidden", "true")
  Object.assign(parts, { wait: 0, video, arrivals: new Arrivals({ needs: () => video.HAVE_CURRENT_DATA, again: startFilm }) })
  video.onerror = async () => {
    const status = await askWhether(video)
    if (parts.video !== video || !video.error) return
    if (status && status < 400) parts.failed = source  // pointed at again, any other is tried again
    restCard(parts)
    parts.whenFailed?.()
  }
  parts.open.append(video)
  parts.arrivals.watch([video])
  video.play().catch(() => {})
}
const startFilm = film => {
  film.load()
  film.play().catch(() => {})
}
const restCard = parts => {
  clearTimeout(parts.wait)
  parts.wait = 0
  if (!parts.video) return
  parts.arrivals.end()
  parts.video.removeAttribute("src")
  parts.video.load()
  parts.video.remove()
  parts.video = null
}
// What no browser plays, or this one just could not, says so, and can be taken along.
const fillSave = parts => {
  const { data, failed } = parts, fails = Boolean(failed) && failed === data.preview
  parts.save.hidden = data.overlay || !data.download || !(showable(data).clip || fails)
  if (parts.save.hidden) return
  parts.save.href = data.download
  setText(parts.saveWord, `${fails ? "This browser can't play it" : "No browser plays it"} · Download`)
  parts.save.title = parts.saveWord.textContent
}
// It leaves the window: what it has loaded goes with it.
const dropCard = parts => {
  restCard(parts)
  parts.poster.removeAttribute("src")
  parts.card.remove()
}

const fillWallCard = (parts, data, differs) => {
  parts.data = data
  parts.open.href = data.href
  parts.open.setAttribute("aria-label", ariaOfCard(data))
  if (data.poster) {
    if (parts.poster.getAttribute("src") !== data.poster) parts.poster.src = data.poster
    parts.poster.alt = ""
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
  fillSave(parts)
  setText(parts.length, data.length)
  parts.track.hidden = data.share === null || data.share === undefined
  parts.done.style.width = `${Math.round((data.share ?? 0) * 100)}%`
  setText(parts.prompt, data.alt)
  parts.prompt.title = data.alt
  setText(parts.differs, differs)
  parts.card.classList.toggle("one-of-many", Boolean(differs))
  setText(parts.model, data.model)
  setText(parts.who, data.who)
  setText(parts.cost, data.cost)
  parts.when.title = moment(data.created_ms)
  fillOpinion(parts, data)
  tickCard(parts)
  // What has just come home plays under the pointer that waits for it.
  if (parts.card.classList.contains("pointed")) playCard(parts)
}

const fillOpinion = (parts, data) => {
  const review = REVIEWS[reviewOf(data)], mine = mineOf(data)
  parts.star.hidden = !data.favourite
  parts.review.hidden = !review
  setTone(parts.review, review?.tone ?? "gray")
  setText(parts.reviewIcon, review?.icon)
  setText(parts.reviewWord, review?.word)
  parts.review.title = data.review?.by ? `${review?.word ?? ""} by ${data.review.by}` : ""
  setText(parts.rated, ratedWords(data, parts.wall.blind))
  parts.rated.title = ratedTitle(data, parts.wall.blind)
  parts.marks.hidden = parts.star.hidden && parts.review.hidden && parts.rated.hidden
  parts.card.dataset.review = reviewOf(data)
  pressed(parts.favour, data.favourite, "Take the star away (F)", "Star (F)")
  pressed(parts.reject, reviewOf(data) === "rejected", "Not rejected any more (X)", "Reject (X)")
  parts.reject.hidden = !(data.may?.change ?? true)
  parts.scores.forEach((button, at) => {
    const is = mine === at + 1
    pressed(button, is, `Take the rating of ${at + 1} back (${at + 1})`, `Rate ${at + 1} of 5 (${at + 1})`)
  })
}
const pressed = (button, is, undo, act) => {
  button.setAttribute("aria-pressed", Boolean(is))
  nameButton(button, is ? undo : act)
}

// Others' ratings stay hidden until one's own is given, where somebody rates blind.
const meanIsHidden = (data, blind) => blind && mineOf(data) === null
const ratedWords = (data, blind) => {
  const { mine, mean, count } = { mine: null, mean: null, count: 0, ...data.rating }
  if (!count || meanIsHidden(data, blind)) return ""
  if (mine !== null && count === 1) return `${mine}/5`
  if (mean === null) return mine === null ? "" : `${mine}/5`
  return `${mine === null ? "" : `${mine}/5 · `}⌀ ${mean.toFixed(1)} (${count})`
}
const ratedTitle = (data, blind) => {
  const { mine, mean, count } = { mine: null, mean: null, count: 0, ...data.rating }
  const own = mine === null ? "Not rated by you" : `You: ${mine} of 5`
  const all = count && mean !== null && !meanIsHidden(data, blind)
  return all ? `${own} · mean ${mean.toFixed(1)} of ${count} rating${count === 1 ? "" : "s"}` : own
}
const ariaOfCard = data => [
  data.word, data.alt, data.favourite ? "starred" : "", REVIEWS[reviewOf(data)]?.word ?? "",
  mineOf(data) === null ? "" : `rated ${mineOf(data)} of 5`,
].filter(Boolean).join(", ")

const tickCard = parts => {
  const { elapsed_s, moving, created_ms } = parts.data
  const passed = (parts.data.rendering_s ?? elapsed_s) + (performance.now() - parts.data.got) / 1000
  setText(parts.chipClock, moving ? clock(passed) : "")
  setText(parts.when, ago(created_ms))
}
