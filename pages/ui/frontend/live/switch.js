// Whether this browser tells on the desktop when takes are ready: asked for by a click, kept in this browser.
const buildSwitch = parent => {
  const root = el("div", "root"), button = el("button", "switch"), words = el("span"), why = el("div", "quiet")
  button.type = "button"
  button.setAttribute("role", "switch")
  button.append(icon("notifications"), words)
  root.append(button, why)
  root.dataset.testid = "notices-switch"
  parent.append(root)
  words.textContent = "Desktop notices"
  return { button, why }
}
const drawSwitch = place => {
  const permission = window.Notification?.permission
  place.button.setAttribute("aria-checked", String(wantsNotices()))
  place.button.disabled = permission === undefined
  const refused = permission === "denied" ? "This browser blocks them for this site; allow them in its settings." : ""
  setText(place.why, permission === undefined ? "This browser has none for this address." : refused)
}

export default function ({ parentElement }) {
  const place = placeOf(parentElement, buildSwitch)
  place.button.onclick = async () => {
    const wanted = !wantsNotices()
    if (wanted && Notification.permission === "default") await Notification.requestPermission()
    try {
      localStorage.setItem(LIVE_NOTICES, wanted && Notification.permission === "granted" ? "1" : "0")
    } catch {
      // A browser that keeps nothing asks again.
    }
    drawSwitch(place)
  }
  drawSwitch(place)
}
