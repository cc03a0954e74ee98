// What a person thinks of the take on screen: a star, no, 1 to 5; and what the team has decided.
const REVIEW_WORDS = {
  none: "Not reviewed", selected: "Selected", approved: "Approved", rejected: "Rejected", to_edit: "To edit",
}
const isRejected = card => card.review?.state === "rejected"

// The same, small.
const marksOf = card => [card.favourite && "★", isRejected(card) && "✕", card.rating?.mine].filter(Boolean).map(String)

// What each key changes of a card; null: no such key.
const verdictOf = (card, pressedKey) => {
  if (/^[1-5]$/.test(pressedKey)) {
    const rating = Number(pressedKey)
    return { rating: card.rating?.mine === rating ? null : rating }
  }
  if (pressedKey === "0") return { rating: null }
  if (pressedKey === "f") return { favourite: !card.favourite }
  if (pressedKey === "x") return { review: isRejected(card) ? "none" : "rejected" }
  return null
}

const verdictWords = set => {
  if ("rating" in set) return set.rating === null ? "Rating taken back" : `Rated ${set.rating}`
  if ("favourite" in set) return set.favourite ? "Picked" : "No longer picked"
  return set.review === "none" ? "Review taken back" : REVIEW_WORDS[set.review]
}

// give: called with what is to be changed.
const makeVerdicts = give => {
  const root = el("div", "verdicts")
  root.setAttribute("role", "group")
  root.setAttribute("aria-label", "What you think of it")
  let card = null
  const press = name => give(verdictOf(card, name))
  const star = lightKey("star", "Pick (F)", () => press("f"))
  const no = lightKey("close", "Reject (X)", () => press("x"))
  const rates = [1, 2, 3, 4, 5].map(rate => lightKey("", `Rate ${rate}`, () => press(String(rate)), String(rate)))
  const scale = el("div", "scale"), mean = el("span", "mean")
  star.classList.add("pick")
  no.classList.add("no")
  scale.append(...rates)
  root.append(star, no, scale, mean)
  return {
    root,
    draw(now, blind = false) {
      card = now
      const mine = card.rating?.mine ?? null, others = card.rating?.count ?? 0
      markPressed(star, card.favourite)
      markPressed(no, isRejected(card))
      no.hidden = !card.may?.change
      rates.forEach((button, place) => {
        markPressed(button, mine === place + 1)
        button.classList.toggle("lit", mine !== null && place < mine)
      })
      const shown = others && !(blind && mine === null) && typeof card.rating?.mean === "number"
      setText(mean, shown ? `${card.rating.mean.toFixed(1)} of ${others}` : "")
      mean.title = `Mean of ${others} rating${others === 1 ? "" : "s"}`
    },
  }
}

// Whoever takes something back is told; where it failed by itself (null), that was said.
const undoIn = (wall, say) => wall.undo()
  .then(was => was === null || say(was ? "Taken back" : "There is nothing to take back"))
  .catch(error => say(error.message, "red"))
// Where there are keys.
const undoHint = () => (matchMedia("(hover: none)").matches ? "" : " · Z takes it back")
