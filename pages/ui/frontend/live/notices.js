// What a tab says of takes besides showing them: a count in its title, a toast, a notice on the desktop.
const NOTICE_QUIET_MS = 1500
const NOTICE_SHOWN_MS = 8000
const COUNT_UPTO = 250
const countWords = number => (number >= COUNT_UPTO ? `${COUNT_UPTO}+` : String(number))

const drawTitle = place => {
  const bare = document.title.replace(/^\(\d+\+?\) /, "")
  const title = place.moving && !place.rests ? `(${countWords(place.moving)}) ${bare}` : bare
  if (document.title !== title) document.title = title
}

// The way to what waits says how much that is, as the page's own next drawing will.
const drawWay = (place, { moving, held }) => {
  const { path, title } = place.way
  const parts = [title, ...(moving ? [countWords(moving)] : [])]
  if (held) parts.push(`${countWords(held)} ${held === 1 ? "needs" : "need"} you`)
  for (const link of document.querySelectorAll('[data-testid="stSidebarNavLink"]')) {
    if (!new URL(link.href).pathname.endsWith(`/${path}`)) continue
    const texts = document.createTreeWalker(link, NodeFilter.SHOW_TEXT)
    while (texts.nextNode()) {
      if (texts.currentNode.nodeValue.startsWith(title)) texts.currentNode.nodeValue = parts.join(" · ")
    }
  }
}

// "3 takes are ready · 1 failed", and where they are: all of a batch in one.
const batchWords = cards => {
  const of = state => cards.filter(card => card.state === state).length
  const ready = of("stored"), parts = []
  if (ready) parts.push(ready === 1 ? "Your take is ready" : `${ready} takes are ready`)
  if (of("failed")) parts.push(parts.length ? `${of("failed")} failed` : of("failed") === 1 ? "A take failed" : `${of("failed")} takes failed`)
  if (of("held")) parts.push(`${of("held")} ${of("held") === 1 ? "needs" : "need"} you`)
  return parts.join(" · ")
}

const tellBatch = place => {
  const cards = [...place.batch.values()], words = batchWords(cards)
  place.batch.clear()
  if (!words) return
  const path = cards.length === 1 ? cards[0].href : "gallery"
  const href = new URL(path, new URL(".", location.href)).href
  const onPage = !document.hidden
  if (onPage) drawToast(place, words, href)
  if (wantsNotices() && !document.hasFocus()) {
    const about = cards.length === 1 ? cards[0].alt : cards.slice(0, 3).map(card => card.alt).join(" · ")
    const notice = new Notification(words, { body: about, tag: "dailies" })
    notice.onclick = () => { window.focus(); location.assign(href); notice.close() }
  }
}

const drawToast = (place, words, href) => {
  const toast = el("div", "toast"), link = el("a", "", "Show"), close = el("button", "", "×")
  link.href = href
  close.type = "button"
  close.setAttribute("aria-label", "Dismiss")
  close.onclick = () => toast.remove()
  toast.dataset.testid = "live-toast"
  toast.append(el("span", "", words), link, close)
  place.root.replaceChildren(toast)
  clearTimeout(place.showing)
  place.showing = setTimeout(close.onclick, NOTICE_SHOWN_MS)
}

const buildNotices = parent => {
  const root = el("div", "root toasts")
  root.setAttribute("role", "status")
  parent.append(root)
  const place = { root, batch: new Map(), moving: 0, rests: false }
  place.titles = new MutationObserver(() => drawTitle(place))
  return place
}

export default function ({ data, parentElement, setStateValue }) {
  const place = placeOf(parentElement, buildNotices)
  place.moving = data.moving
  place.way = data.way
  place.titles.observe(document.head, { subtree: true, childList: true, characterData: true })
  drawTitle(place)
  const leave = liveHub().subscribe({
    of: place,
    at: data.at,
    counts: counts => { place.moving = counts.moving; drawTitle(place); drawWay(place, counts) },
    ended: cards => {
      const own = cards.filter(card => card.mine)
      if (!own.length) return
      own.forEach(card => place.batch.set(card.id, card))
      clearTimeout(place.waiting)
      place.waiting = setTimeout(tellBatch, NOTICE_QUIET_MS, place)
    },
    rest: rests => { place.rests = rests; drawTitle(place) },
    down: isDown => { if (isDown !== data.down) setStateValue("down", isDown) },
  })
  return () => {
    place.titles.disconnect()
    leave()
  }
}
