// The takes before and after, small, in the order of the wall. Only those near the one on screen are drawn.
const FILM_EACH_WAY = 14

const makeFilmstrip = choose => {
  const root = el("div", "film")
  root.setAttribute("role", "group")
  root.setAttribute("aria-label", "Takes of this wall")
  const frames = new Map()
  const frameOf = id => {
    if (!frames.has(id)) {
      const button = el("button", "cell"), poster = el("img"), blank = icon(""), mark = el("span", "mark")
      button.type = "button"
      poster.alt = ""
      poster.decoding = "async"
      button.append(blank, poster, mark)
      button.onclick = () => choose(id)
      frames.set(id, { button, poster, blank, mark })
    }
    return frames.get(id)
  }
  const fill = (frame, card, here) => {
    const { button, poster, blank, mark } = frame
    const marks = marksOf(card)
    button.classList.toggle("out", isRejected(card) || Boolean(card.trashed))
    button.tabIndex = here ? 0 : -1 // one stop for the keys, which the strip scrolls by
    button.setAttribute("aria-label", [card.alt, ...marks].join(", "))
    if (here) button.setAttribute("aria-current", "true")
    else button.removeAttribute("aria-current")
    poster.hidden = !card.poster
    if (card.poster && poster.getAttribute("src") !== card.poster) poster.src = card.poster
    setText(blank, card.poster ? "" : card.icon)
    setText(mark, marks.join(" "))
  }
  return {
    root,
    draw(order, at, cardOf) {
      const from = Math.max(0, at - FILM_EACH_WAY)
      const near = order.slice(from, at + FILM_EACH_WAY + 1)
      for (const [id, frame] of frames) {
        if (near.includes(id)) continue
        frame.button.remove()
        frames.delete(id)
      }
      near.forEach((id, place) => {
        const frame = frameOf(id)
        fill(frame, cardOf(id), from + place === at)
        if (root.children[place] !== frame.button) root.insertBefore(frame.button, root.children[place] ?? null)
      })
      const here = frames.get(order[at])?.button
      if (here) root.scrollLeft = here.offsetLeft - (root.clientWidth - here.offsetWidth) / 2
    },
  }
}
