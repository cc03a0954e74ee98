// What there is to look at of one take: its clip, picture or sound; or where it stands, in words.
const lessMotion = matchMedia("(prefers-reduced-motion: reduce)")
const PLAYS = new Set(["video", "audio"])

const askTake = (wall, id) => askWall(wall.link(`wall/takes/${encodeURIComponent(id)}`)).then(wall.meet)

// fresh: asks for the card anew; changed: other media than before, or none; restore: out of the trash; retry: asks
// for the same once more, which is paid. With it, what came to nothing says what it cost, and what can be done.
const makeStage = ({ fresh = null, changed = () => {}, restore = null, retry = null } = {}) => {
  const root = el("div", "look")
  const stage = {
    root, fresh, changed, card: null, drawn: null, media: null, broken: 0,
    poster: el("img", "still"), blank: el("div", "notice"), ways: el("div", "ways"),
    blankIcon: icon(""), title: el("div", "headline"), why: el("div", "reason"), time: el("div", "time"),
    rest: el("div", "reason"), retry: el("button", "way"), edit: el("a", "way", "Edit and rerun"),
    get: el("a", "way", "Download"), page: el("a", "way", "Open its page"), restore: el("button", "way", "Restore"),
    told: null, learns: Boolean(retry), learnt: "",
  }
  stage.poster.decoding = "async"
  stage.restore.type = "button"
  stage.restore.onclick = restore
  stage.canRestore = Boolean(restore)
  stage.retry.type = "button"
  stage.retry.onclick = async () => {
    stage.retry.disabled = true
    await retry()
    stage.retry.disabled = false
  }
  stage.ways.append(stage.restore, stage.retry, stage.edit, stage.get, stage.page)
  stage.blank.append(stage.blankIcon, stage.title, stage.time, stage.why, stage.rest, stage.ways)
  root.append(stage.poster, stage.blank)
  stage.poster.onerror = async () => {
    stage.poster.hidden = true
    if (stage.media) return  // what plays speaks for itself
    const { card } = stage, status = await askWhether(stage.poster)
    if (stage.card === card && stage.blank.hidden) sayBroken(stage, status > 0 && status < 400)
  }
  return stage
}

// Draws a card; the same media go on playing. eager: its bytes are fetched before it is asked for.
const drawStage = (stage, card, eager = true) => {
  if (stage.card?.id !== card.id) stage.told = null
  stage.card = card
  const what = showable(card)
  const drawn = `${card.id} ${what.kind} ${what.source}`
  if (stage.drawn !== drawn) {
    stage.drawn = drawn
    stage.broken = 0
    setMedia(stage, PLAYS.has(what.kind) ? makeMedia(stage, what, eager) : null)
    setStill(stage, what)
  }
  if (stage.media && eager) stage.media.preload = "auto"
  if (stage.broken < 2) sayState(stage, what)
}

const showable = card => {
  if (card.player && PLAYS.has(card.kind)) return { kind: card.kind, source: card.player, poster: card.poster }
  // Of a clip that no browser plays, its poster is all that is shown.
  if (card.kind === "image" && card.duration_s && card.player === card.poster) {
    return { kind: "none", clip: true, source: "", poster: card.poster }
  }
  if (card.kind === "image" && card.player) return { kind: "image", source: card.player, poster: card.player }
  return { kind: "none", source: "", poster: card.poster }
}

const makeMedia = (stage, what, eager) => {
  const node = el(what.kind, "media")
  Object.assign(node, { playsInline: true, preload: eager ? "auto" : "metadata", muted: true })
  node.disablePictureInPicture = true
  node.setAttribute("aria-label", stage.card.prompt || stage.card.alt)
  node.addEventListener("error", () => mend(stage, node))
  for (const name of ["givenup", "came"]) {
    node.addEventListener(name, () => { if (stage.media === node && stage.broken < 2) sayState(stage, showable(stage.card)) })
  }
  node.src = what.source
  return node
}

const setMedia = (stage, node) => {
  dropMedia(stage)
  stage.media = node
  if (!node) return
  // A first frame is often black: the poster stays until there is more to see.
  for (const name of ["playing", "seeked"]) {
    node.addEventListener(name, () => { if (node.videoWidth) stage.poster.hidden = true })
  }
  stage.root.insertBefore(node, stage.blank)
}

const dropMedia = stage => {
  const node = stage.media
  stage.media = null
  if (!node) return
  node.pause()
  node.removeAttribute("src")
  node.load()
  node.remove()
}

const setStill = (stage, what) => {
  stage.poster.hidden = !what.poster
  stage.poster.alt = stage.media ? "" : stage.card.prompt || stage.card.alt || ""
  if (what.poster && stage.poster.getAttribute("src") !== what.poster) stage.poster.src = what.poster
}

// A link may be too old: it is asked for once more. What still can't be played is said, with a way out. What isn't
// reached at all is no fault of the film's: it is asked for anew as one whose bytes don't come.
const mend = async (stage, node) => {
  if (stage.media !== node || !node.hasAttribute("src")) return
  const status = await askWhether(node)
  if (stage.media !== node || !node.error) return
  if (!status || status >= 500) return giveUp(node)
  stage.broken += 1
  const { id, player } = stage.card
  const fresh = stage.broken === 1 ? await stage.fresh?.(id) : null
  if (stage.media !== node) return
  if (fresh?.player && fresh.player !== player) {
    const { broken } = stage
    drawStage(stage, fresh)
    stage.broken = broken
    stage.changed()
    return
  }
  stage.broken = 2
  sayBroken(stage, status < 400)
}

// served: are its bytes there for this browser?
const sayBroken = (stage, served = true) => {
  stage.poster.hidden = !stage.card.poster || stage.poster.complete && !stage.poster.naturalWidth
  say(stage, served ? "movie_off" : "cloud_off", "orange",
    served ? "This browser can't play it" : "It doesn't load at the moment",
    served ? "It is saved and verified. Download it, or look at it in another browser."
      : "The file is saved. Go on to another and come back, or download it.")
  stage.changed()
}

const sayState = (stage, what) => {
  const { card } = stage
  if (what.kind === "audio") return say(stage, "graphic_eq", "blue", card.word === "Ready" ? "Sound" : card.word)
  if (stage.media && givenUp.has(stage.media)) {
    return say(stage, "cloud_off", "orange", "It doesn't load at the moment",
      "The file is saved, and is asked for again by itself. Go on to another and come back, or download it.")
  }
  if (what.kind !== "none" && !card.trashed) return say(stage)
  if (card.trashed) return say(stage, "delete", "gray", "In the trash",
    card.may?.restore ? "It can be restored from here." : card.why || "Whoever made it, or a reviewer, can restore it.")
  if (card.moving) return say(stage, card.icon, card.tone, card.word, card.why, card.trouble)
  if (card.status !== "completed") {
    learn(stage)
    return say(stage, card.icon, card.tone, card.word, stage.told?.what ?? card.why, stage.told?.rest)
  }
  if (what.clip) {
    return say(stage, "movie_off", "orange", "No browser plays this as it is",
      "A copy that plays is made by itself if it can be. The download is the original.")
  }
  say(stage, card.icon, card.tone, card.word, "There is nothing to look at here; the download has all of it.")
}

// Of what came to nothing, all that its own page says; asked for once, and again when it has changed.
const learn = async stage => {
  const { id, version } = stage.card, at = `${id} ${version}`
  if (!stage.learns || stage.learnt === at) return
  stage.learnt = at
  const more = await stage.fresh(id)
  if (stage.learnt !== at || stage.card.id !== id) return
  if (!more) stage.learnt = ""
  else {
    stage.told = more.told
    drawStage(stage, stage.card)
  }
}

const say = (stage, name = "", tone = "", title = "", why = "", rest = "") => {
  stage.blank.hidden = !title
  stage.root.dataset.tone = tone
  stage.blank.classList.toggle("over", !stage.poster.hidden || Boolean(stage.media))
  setText(stage.blankIcon, name)
  setText(stage.title, title)
  setText(stage.why, why)
  setText(stage.rest, rest)
  const { card } = stage, told = card.trashed ? null : stage.told
  setText(stage.retry, told?.retry)
  stage.edit.hidden = !told?.edit
  stage.edit.href = told?.edit ?? ""
  stage.restore.hidden = !(card.trashed && stage.canRestore && card.may?.restore)
  stage.get.hidden = !card.download || Boolean(card.trashed)
  stage.get.href = card.download ?? ""
  stage.get.download = ""
  stage.page.hidden = !card.href
  stage.page.href = card.href ?? ""
  tickStage(stage)
}

const tickStage = stage => {
  const { card } = stage
  const runs = card?.moving && !stage.blank.hidden
  const since = (performance.now() - (card?.got ?? performance.now())) / 1000
  setText(stage.time, runs ? clock(card.elapsed_s + since) : "")
}
