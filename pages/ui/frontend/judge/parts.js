// What judging is made of: two panes of one size, the bar of answers, and what is said in their place.
const JUDGE_KEYS = [
  ["← →", "The better one"], ["↑", "The same"], ["↓", "Both bad"], ["1 – 5", "A score, where one is asked for"],
  ["Space", "Play or pause"], [", .", "One frame back or on"], ["Z", "Take the last answer back"], ["S", "Skip"],
  ["W", "Wipe between the two"], ["H", "These keys"],
]
const JUDGE_TOUCH = "On a phone swipe to the better one; up: the same; down: both bad."
const JUDGE_SWIPE = "Or swipe: left or right for the better one, up: the same, down: both bad."
const SCORES = [1, 2, 3, 4, 5]

// A film of a pair, loading from now on. Nothing of it says what it is.
const makeFilm = side => {
  const film = el("video", "media")
  Object.assign(film, { muted: true, playsInline: true, preload: "auto", disablePictureInPicture: true })
  film.setAttribute("disableremoteplayback", "")
  film.poster = side.poster_url
  film.src = side.url
  return film
}
const dropFilm = film => {
  film.pause()
  film.removeAttribute("src")
  film.load()
  film.remove()
}
// Milliseconds of it that were played, each once.
const seenMs = film => {
  let seen = 0
  for (let at = 0; at < (film?.played.length ?? 0); at += 1) seen += film.played.end(at) - film.played.start(at)
  return film ? Math.round(seen * 1000) : null
}
// Why it isn't seen; "": it is, or will be.
const whyUnseen = film => {
  if (film && givenUp.has(film)) return "It doesn't load at the moment. It is asked for again by itself; skip the pair to go on meanwhile."
  return film?.error && unplayable.has(film) ? "This browser can't play it. Skip the pair, or judge in another browser." : ""
}

const makeSide = (name, words, arrow) => {
  const root = el("figure", `pane ${name}`), look = el("div", "look"), mark = el("figcaption", "mark", arrow)
  const broken = el("div", "broken")
  root.setAttribute("aria-label", words)
  root.dataset.testid = `judge-${name}`
  mark.setAttribute("aria-hidden", "true")
  broken.hidden = true
  broken.setAttribute("role", "status")
  look.append(broken)
  root.append(look, mark)
  return { root, look, broken, name }
}

const answerKey = (name, words, keys, act) => {
  const button = lightKey("", words, act, words)
  button.classList.add("answer", name)
  button.prepend(el("kbd", "keys-only", keys))
  return button
}

const buildJudge = judge => {
  const parts = {
    root: el("div", "judge"), top: el("header", "top"), question: el("h2", "question"), far: el("span", "far"),
    unsent: el("span", "unsent"), middle: el("div", "middle"), panes: el("div", "panes"), cut: el("input", "cut"),
    notice: el("div", "notice"), noticeTitle: el("div", "headline"), noticeWhy: el("div", "reason"),
    message: el("div", "message"), sighted: el("p", "sighted"), swipe: el("p", "swipe", JUDGE_SWIPE), help: buildHelp(JUDGE_KEYS, JUDGE_TOUCH),
    bottom: el("footer", "bottom"), choices: el("div", "choices"), scores: el("div", "choices scores"), more: el("div", "more"),
    left: makeSide("left", "Left video", "← Left"), right: makeSide("right", "Right video", "Right →"),
    again: el("button", "way", "Judge them once more"),
    play: lightKey("pause", "Play or pause", () => judge.toggle()),
    back: lightKey("skip_previous", "One frame back", () => judge.step(-1)),
    on: lightKey("skip_next", "One frame on", () => judge.step(1)),
    undo: lightKey("undo", "Take back", () => judge.undo(), "Undo"),
    skip: lightKey("redo", "Skip", () => judge.skip(), "Skip"),
    wipe: lightKey("compare", "Wipe between the two", () => judge.wipe()),
    helpKey: lightKey("keyboard", "Keys", () => judge.toggleHelp()),
  }
  const { root, top, middle, bottom, cut, notice } = parts, tools = el("div", "tools")
  Object.assign(cut, { type: "range", min: 0, max: 100, step: 0.5, value: 50, hidden: true })
  cut.setAttribute("aria-label", "Where the wipe is")
  cut.oninput = () => {
    parts.panes.style.setProperty("--cut", `${cut.value}%`)
    parts.panes.style.setProperty("--at", cut.value / 100)
  }
  root.dataset.testid = "judge"
  root.tabIndex = -1
  parts.message.setAttribute("role", "status")
  notice.setAttribute("role", "status")
  parts.again.type = "button"
  parts.again.onclick = () => judge.judgeAgain()
  notice.append(parts.noticeTitle, parts.noticeWhy, parts.again)
  parts.helpKey.classList.add("keys-only")
  tools.append(parts.wipe, parts.helpKey)
  top.append(parts.question, parts.far, parts.unsent, tools)
  parts.panes.append(parts.left.root, parts.right.root)
  middle.append(parts.panes, cut, notice, parts.message, parts.help)
  parts.choices.append(
    answerKey("left", "Left is better", "←", () => judge.answer({ choice: "left" })),
    answerKey("same", "The same", "↑", () => judge.answer({ choice: "tie" })),
    answerKey("bad", "Both bad", "↓", () => judge.answer({ choice: "tie", both_bad: true })),
    answerKey("right", "Right is better", "→", () => judge.answer({ choice: "right" })),
  )
  parts.scores.append(...SCORES.map(value => answerKey("score", `Score ${value}`, "", () => judge.answer({ value }))))
  parts.more.append(parts.back, parts.play, parts.on, parts.undo, parts.skip)
  bottom.append(parts.choices, parts.scores, parts.more, parts.swipe, parts.sighted)
  root.append(top, middle, bottom)
  for (const node of [parts.far, parts.unsent, parts.message, parts.sighted]) setText(node, "")
  return parts
}

// What a score means, under its number where that was said.
const drawScores = (parts, anchors) => {
  [...parts.scores.children].forEach((button, place) => {
    const value = String(place + 1), words = anchors?.[value] ?? ""
    button.querySelector("span").textContent = words ? `${value} · ${words}` : value
    button.title = words ? `Score ${value}: ${words}` : `Score ${value}`
    button.setAttribute("aria-label", button.title)
  })
}
