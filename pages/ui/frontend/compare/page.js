// A page of its own for a comparison, whose address names the takes.
const buildPage = parent => {
  const wall = makeWall(), compare = new Comparison(wall, { leave: () => {} })
  const host = el("div", "root")
  compare.root.dataset.testid = "compare"
  compare.parts.close.hidden = true
  wall.toast = (words, how = {}) => compare.say(words, how.tone)
  host.append(compare.root)
  parent.append(host)
  return { wall, compare, host, shown: "" }
}

// Keys that are meant for a field of the kit, or for a menu, are left to them.
const isForPage = (place, event) => {
  const path = event.composedPath()
  return path.includes(place.host) || path[0] === document.body
}

export default function ({ data, parentElement }) {
  const place = placeOf(parentElement, buildPage), { wall, compare } = place
  const shown = data.takes.map(card => card.id).join()
  wall.me = data.me
  if (place.shown === shown) wall.merge(data.takes)
  else {
    place.shown = shown
    wall.begin({ query: "", takes: data.takes, next_cursor: null }, false)
    compare.showCards(data.takes)
  }
  place.ends?.abort()
  place.ends = new AbortController()
  addEventListener("keydown", event => {
    if (event.defaultPrevented || !isForPage(place, event) || !keyFor(compare, event)) return
    event.preventDefault()
    event.stopImmediatePropagation()
  }, { capture: true, signal: place.ends.signal })
  const leave = liveHub().subscribe({ of: place, shown: () => compare.ids, takes: cards => wall.merge(cards) })
  return () => {
    place.ends.abort()
    leave()
    whenGone(place.host, () => compare.destroy())
  }
}
