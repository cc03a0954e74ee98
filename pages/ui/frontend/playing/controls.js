// The bar below what plays: one for one clip, and for several.
const lightKey = (name, label, act, text) => {
  const button = el("button", "key")
  button.type = "button"
  button.title = label
  button.setAttribute("aria-label", label)
  if (name) button.append(icon(name))
  if (text) button.append(el("span", "", text))
  button.onclick = act
  return button
}

const setKey = (button, name, label) => {
  setText(button.firstChild, name)
  button.title = label
  button.setAttribute("aria-label", label)
}

const markPressed = (button, on) => button.setAttribute("aria-pressed", Boolean(on))

// sound: what the speaker key does, and how it looks; see `soundOf`.
const makeControls = (transport, sound) => {
  const bar = el("div", "controls")
  bar.setAttribute("role", "group")
  bar.setAttribute("aria-label", "Player")
  const play = lightKey("play_arrow", "Play (Space)", () => transport.toggle())
  const back = lightKey("skip_previous", "One frame back (,)", () => transport.step(-1))
  const on = lightKey("skip_next", "One frame on (.)", () => transport.step(1))
  const seek = el("input", "seek")
  Object.assign(seek, { type: "range", min: 0, max: 1000, step: 1, value: 0 })
  seek.setAttribute("aria-label", "Place in the clip")
  seek.oninput = () => transport.seekShare(seek.value / 1000)
  const time = el("span", "time")
  const speed = el("select", "speed")
  speed.title = "Speed (< and >)"
  speed.setAttribute("aria-label", "Speed")
  speed.append(...SPEEDS.map(rate => Object.assign(el("option", "", `${rate}×`), { value: rate })))
  speed.onchange = () => { transport.speed = Number(speed.value) }
  const loop = lightKey("repeat", "Play in a loop (L)", () => { transport.looping = !transport.looping })
  const mute = lightKey("volume_off", "Sound (M)", () => sound.toggle())
  bar.append(play, back, on, seek, time, speed, loop, mute)
  const draw = () => {
    const { length, at, fps } = transport
    setKey(play, transport.paused ? "play_arrow" : "pause", transport.paused ? "Play (Space)" : "Pause (Space)")
    seek.value = length ? Math.round(at / length * 1000) : 0
    seek.style.setProperty("--done", `${length ? at / length * 100 : 0}%`)
    seek.setAttribute("aria-valuetext", `${at.toFixed(2)} of ${length.toFixed(2)} seconds`)
    setText(time, `${frameTime(at, fps)} / ${clock(length)}`)
    speed.value = transport.speed
    markPressed(loop, transport.looping)
    markPressed(mute, sound.on)
    setKey(mute, sound.on ? "volume_up" : "volume_off", sound.on ? "Sound is on (M)" : "Sound is off (M)")
  }
  const stop = transport.on(draw)
  draw()
  return { bar, draw, destroy: stop }
}

const frameTime = (at, fps) => {
  const frame = Math.floor(at % 1 * fps + 0.01)
  return `${clock(at)}:${String(frame).padStart(2, "0")}`
}

// Whether clips sound is a person's own choice, kept in this browser; one of several sounds at a time.
const SOUND = "dailies.sound"
const readChoice = (name, fallback) => {
  try { return localStorage.getItem(name) ?? fallback } catch { return fallback }
}
const keepChoice = (name, value) => {
  try { localStorage.setItem(name, value) } catch { /* a browser that keeps nothing */ }
}

const makeSound = transport => {
  const sound = {
    on: readChoice(SOUND, "off") === "on",
    from: 0,
    apply() { transport.nodes.forEach((node, place) => { node.muted = !(sound.on && place === sound.from) }) },
    toggle() {
      sound.on = !sound.on
      keepChoice(SOUND, sound.on ? "on" : "off")
      sound.apply()
      transport.tell()
    },
  }
  return sound
}

// What a key does in a player; false: none of its own.
const playerKey = (name, transport, sound) => {
  const acts = {
    " ": () => transport.toggle(), ",": () => transport.step(-1), ".": () => transport.step(1),
    "<": () => transport.faster(-1), ">": () => transport.faster(1),
    l: () => { transport.looping = !transport.looping }, m: () => sound.toggle(),
  }
  acts[name]?.()
  return name in acts
}

const sayIn = (node, words, tone = "") => {
  node.dataset.tone = tone
  setText(node, words)
  clearTimeout(node.saying)
  node.saying = setTimeout(() => setText(node, ""), tone === "red" ? 8000 : 4000)
}

const buildHelp = (rows, touch) => {
  const help = el("div", "keysheet"), list = el("dl")
  help.hidden = true
  list.append(...rows.flatMap(([keys, words]) => [el("dt", "", keys), el("dd", "", words)]))
  help.append(el("h2", "", "Keys"), list, ...(touch ? [el("p", "", touch)] : []))
  return help
}

// What a key does for a view; true: it is dealt with. One that is typed into a field, moves a slider or presses
// what has the focus stays what it is.
const keyFor = (view, event) => {
  const [target] = event.composedPath()
  if (event.ctrlKey || event.metaKey || event.altKey || !(target instanceof Element)) return false
  if (target.matches("textarea, select, input:not([type=range])")) {
    if (event.key === "Escape") target.blur()
    return event.key === "Escape"
  }
  if (target.matches("input[type=range]") && /^(Arrow|Home|End|Page)/.test(event.key)) return false
  if (event.key === " " && target.matches("button:focus-visible, a:focus-visible")) return false
  return view.key(event.key.length === 1 ? event.key.toLowerCase() : event.key)
}
