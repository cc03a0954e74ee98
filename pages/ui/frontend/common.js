// What every component here uses. Everything from outside goes through textContent or an attribute:
// no text ever becomes markup.
const el = (tag, name, text) => {
  const node = document.createElement(tag)
  if (name) node.className = name
  if (text !== undefined && text !== null) node.textContent = text
  return node
}
const icon = name => {
  const node = el("span", "icon", name)
  node.setAttribute("aria-hidden", "true")
  return node
}
const setText = (node, text) => {
  const value = text ?? ""
  if (node.textContent !== value) node.textContent = value
  node.hidden = value === ""
}
// What a node holds is made anew only where it has become something else: a button under a finger and an open list
// stay, however often the page is drawn.
const drawWhenChanged = (node, facts, make) => {
  const drawn = JSON.stringify(facts)
  if (node.drawn === drawn) return
  node.drawn = drawn
  node.replaceChildren(...make())
}
const setTone = (node, tone) => { node.dataset.tone = tone }
const clock = seconds => {
  const whole = Math.max(0, Math.floor(seconds))
  const two = number => String(number).padStart(2, "0")
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}
const ago = ms => {
  const seconds = Math.max(0, (Date.now() - ms) / 1000)
  if (seconds < 45) return "just now"
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`
  return `${Math.round(seconds / 86400)} d ago`
}
const moment = ms => new Date(ms).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" })
// One state per place on the page, made anew when the page gives a new place.
const places = new WeakMap()
const placeOf = (parent, make) => {
  if (!places.has(parent)) places.set(parent, make(parent))
  return places.get(parent)
}
// Elapsed time runs in the browser: the server says how much had passed, and asks for no tick.
const startClock = (place, draw) => {
  if (place.timer) return
  place.timer = setInterval(draw, 1000)
}
const stopClock = place => {
  clearInterval(place.timer)
  place.timer = null
}
// The kit also cleans up where it only draws anew; this ends what is gone for good.
const whenGone = (node, end) => setTimeout(() => { if (!node.isConnected) end() })
