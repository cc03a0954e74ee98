// One file, ready to be looked at. A clip loops, slows down and steps frame by frame; a picture, a sound or a
// file that can only be saved stands on the same stage.
const buildPlayer = parent => {
  const transport = new Transport(), sound = makeSound(transport), wall = makeWall()
  const give = set => wall.change([place.take], set)
  const place = {
    transport, sound, wall, take: null, verdicts: makeVerdicts(give), line: el("div", "line"), message: el("div", "trouble"), root: el("div", "root player"), box: el("div", "box"), note: el("div", "note"),
    stage: makeStage({ changed: () => playFile(place) }), controls: makeControls(transport, sound),
  }
  const full = lightKey("fullscreen", "Fill the screen", () => fillScreen(place))
  place.controls.bar.append(full)
  place.root.dataset.testid = "player"
  place.box.append(place.stage.root)
  place.box.onclick = event => { if (event.target.matches(".media")) transport.toggle() }
  place.key = name => {
    const card = wall.byId(place.take), set = card && verdictOf(card, name)
    if (set && !("review" in set && !card.may?.change)) give(set)
    else if (card && name === "z") wall.undo()
    else return playerKey(name, transport, sound)
    return true
  }
  wall.toast = words => setText(place.message, words)
  wall.on("changed", () => drawVerdicts(place))
  wall.on("items", () => drawVerdicts(place))
  place.message.setAttribute("role", "status")
  place.line.append(place.verdicts.root)
  place.root.append(place.box, place.controls.bar, place.line, place.message, place.note)
  parent.append(place.root)
  return place
}

const drawVerdicts = ({ wall, take, verdicts, line, message }) => {
  const card = wall.byId(take)
  line.hidden = !card?.may?.rate
  if (card) verdicts.draw(card)
  setText(message, "")
}

// Keys are for the player where no field and no menu of the page has them.
const listenPlayer = place => {
  place.ends = new AbortController()
  addEventListener("keydown", event => {
    const path = event.composedPath(), ours = path.includes(place.root) || path[0] === document.body
    if (!ours || event.defaultPrevented || !keyFor(place, event)) return
    event.preventDefault()
    event.stopImmediatePropagation()
  }, { capture: true, signal: place.ends.signal })
}

// The take that the file is of, as it is known now.
const judge = (place, { card, me }) => {
  const { wall } = place
  wall.me = me
  if (place.take === card.id) return wall.merge([card])
  place.take = card.id
  wall.begin({ query: "", takes: [card], next_cursor: null }, false)
}

const fillScreen = ({ box }) => (document.fullscreenElement ? document.exitFullscreen() : box.requestFullscreen?.().catch(() => {}))

const playFile = ({ transport, sound, stage, controls, fps }) => {
  const { media } = stage, plays = media && stage.broken < 2
  transport.load(plays ? [media] : [], fps)
  sound.apply()
  controls.bar.hidden = !plays
}

// What a stage draws of a file, which is no take.
const cardOfFile = data => ({
  id: data.src ?? "", kind: data.kind, player: data.src, poster: data.poster, alt: data.alt, prompt: data.alt,
  status: "file", icon: data.icon, tone: data.tone, word: data.title, why: "",
})

export default function ({ data, parentElement }) {
  const place = placeOf(parentElement, buildPlayer), { root, stage } = place
  const { width, height } = data, before = stage.drawn
  place.fps = data.fps
  root.classList.toggle("compact", Boolean(data.compact))
  root.dataset.kind = data.kind
  root.style.setProperty("--shape", width && height ? width / height : data.kind === "none" ? 3 : 16 / 9)
  place.box.classList.toggle("board", data.kind === "image" || Boolean(data.see_through))
  setText(place.note, data.note)
  drawStage(stage, cardOfFile(data), false)
  if (stage.drawn !== before) playFile(place)
  if (data.judged) judge(place, data.judged)
  else drawVerdicts(place)
  place.ends?.abort()
  if (!data.compact) listenPlayer(place)
  const leave = liveHub().subscribe({
    of: place, shown: () => (place.take ? [place.take] : []), takes: cards => place.wall.merge(cards),
  })
  return () => {
    place.ends?.abort()
    leave()
    whenGone(root, () => place.transport.stop())
  }
}
