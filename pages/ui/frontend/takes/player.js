// One file, ready to be looked at. A clip loops, slows down and steps frame by frame; a picture, a sound or a
// file that can only be saved stands on the same stage.
const SPEEDS = [0.25, 0.5, 1, 2]

const press = (name, label, act) => {
  const button = el("button", "key")
  button.type = "button"
  button.title = label
  button.setAttribute("aria-label", label)
  if (name) button.append(icon(name))
  button.onclick = act
  return button
}

const build = parent => {
  const root = el("div", "root player")
  root.dataset.testid = "player"
  const stage = el("div", "stage")
  const video = el("video")
  Object.assign(video, { controls: true, loop: true, playsInline: true, preload: "metadata" })
  const picture = el("img", "picture")
  picture.decoding = "async"
  const blank = el("div", "blank")
  const audio = el("audio")
  Object.assign(audio, { controls: true, preload: "metadata" })
  const blankIcon = icon(""), title = el("div", "title"), note = el("div", "note")
  blank.append(blankIcon, title, audio)
  stage.append(video, picture, blank)
  const place = { video, root, stage, picture, blank, blankIcon, title, audio, note, fps: 24, source: null }
  const step = frames => {
    video.pause()
    const at = video.currentTime + frames / place.fps
    video.currentTime = Math.min(Math.max(0, at), Math.max(0, video.duration - 0.5 / place.fps))
  }
  const bar = el("div", "bar")
  const loop = press("repeat", "Play in a loop", () => {
    video.loop = !video.loop
    loop.setAttribute("aria-pressed", video.loop)
  })
  loop.setAttribute("aria-pressed", true)
  const speeds = SPEEDS.map(speed => {
    const button = press(null, `Play at ${speed} times the speed`, () => {
      video.playbackRate = video.defaultPlaybackRate = speed
      speeds.forEach(other => other.setAttribute("aria-pressed", other === button))
    })
    button.textContent = `${speed}×`
    button.setAttribute("aria-pressed", speed === 1)
    return button
  })
  const time = el("span", "time mono")
  const tell = () => {
    const frame = Math.floor((video.currentTime % 1) * place.fps + 0.001)
    time.textContent = `${clock(video.currentTime)}:${String(frame).padStart(2, "0")} / ${clock(video.duration || 0)}`
  }
  video.ontimeupdate = video.onseeked = video.onloadedmetadata = tell
  bar.append(
    press("skip_previous", "One frame back (,)", () => step(-1)),
    press("skip_next", "One frame on (.)", () => step(1)),
    time, el("span", "space"), ...speeds, loop,
  )
  const trouble = el("div", "trouble")
  trouble.hidden = true
  for (const shown of [video, picture, audio]) {
    shown.onerror = () => {
      if (shown.hidden || !shown.hasAttribute("src")) return
      trouble.hidden = false
      trouble.textContent = "It can't be loaded here. Load the page again for a fresh link, or download it."
    }
  }
  root.onkeydown = event => {
    const frames = { ",": -1, ".": 1 }[event.key]
    if (!frames || video.hidden) return
    event.preventDefault()
    step(frames)
  }
  root.append(stage, trouble, bar, note)
  parent.append(root)
  return Object.assign(place, { bar, trouble })
}

const load = (node, source) => {
  node.hidden = !source
  if (source) node.src = source
  else if (node.hasAttribute("src")) {
    node.removeAttribute("src")
    node.load?.()
  }
}

export default function ({ data, parentElement }) {
  const place = placeOf(parentElement, build)
  const is = kind => data.kind === kind
  place.fps = data.fps || 24
  place.bar.hidden = Boolean(data.compact) || !is("video")
  place.root.classList.toggle("compact", Boolean(data.compact))
  place.root.dataset.kind = data.kind
  place.stage.classList.toggle("board", is("image") || Boolean(data.see_through))
  place.blank.hidden = is("video") || is("image")
  setTone(place.blank, data.tone)
  setText(place.blankIcon, data.icon)
  setText(place.title, data.title)
  setText(place.note, data.note)
  place.video.setAttribute("aria-label", data.alt)
  place.audio.setAttribute("aria-label", data.alt)
  place.picture.alt = data.alt
  place.root.style.setProperty("--shape", `${data.width || 16} / ${data.height || 9}`)
  const source = `${data.kind} ${data.src}`
  if (place.source === source) return
  place.source = source
  place.trouble.hidden = true
  if (data.poster) place.video.poster = data.poster
  else place.video.removeAttribute("poster")
  load(place.video, is("video") && data.src)
  load(place.picture, is("image") && data.src)
  load(place.audio, is("audio") && data.src)
}
