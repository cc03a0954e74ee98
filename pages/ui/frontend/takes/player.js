// One file, ready to be looked at. A clip loops, slows down and steps frame by frame; a picture, a sound or a
// file that can only be saved stands on the same stage.
const buildPlayer = parent => {
  const transport = new Transport(), sound = makeSound(transport)
  const place = {
    transport, sound, root: el("div", "root player"), box: el("div", "box"), note: el("div", "note"),
    stage: makeStage({ changed: () => playFile(place) }), controls: makeControls(transport, sound),
  }
  const full = lightKey("fullscreen", "Fill the screen", () => fillScreen(place))
  place.controls.bar.append(full)
  place.root.dataset.testid = "player"
  place.box.append(place.stage.root)
  place.box.onclick = event => { if (event.target.matches(".media")) transport.toggle() }
  place.root.onkeydown = event => {
    if (!keyFor({ key: name => playerKey(name, transport, sound) }, event)) return
    event.preventDefault()
    event.stopPropagation()
  }
  place.root.append(place.box, place.controls.bar, place.note)
  parent.append(place.root)
  return place
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
  return () => { whenGone(root, () => place.transport.stop()) }
}
