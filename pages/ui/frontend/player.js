// A player for short clips: it loops, it slows down, it steps frame by frame.
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
  stage.append(video)
  const place = { video, root, fps: 24, source: null }
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
  video.onerror = () => {
    trouble.hidden = false
    trouble.textContent = "The video can't be loaded here. Load the page again for a fresh link."
  }
  root.onkeydown = event => {
    const frames = { ",": -1, ".": 1 }[event.key]
    if (!frames) return
    event.preventDefault()
    step(frames)
  }
  root.append(stage, trouble, bar)
  parent.append(root)
  return Object.assign(place, { bar, trouble })
}

export default function ({ data, parentElement }) {
  const place = placeOf(parentElement, build)
  place.fps = data.fps || 24
  place.bar.hidden = Boolean(data.compact)
  place.root.classList.toggle("compact", Boolean(data.compact))
  place.video.setAttribute("aria-label", data.alt)
  place.root.style.setProperty("--shape", `${data.width} / ${data.height}`)
  if (place.source === data.src) return
  place.source = data.src
  place.trouble.hidden = true
  if (data.poster) place.video.poster = data.poster
  place.video.src = data.src
}
