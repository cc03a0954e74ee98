// What a comparison is made of: a pane for each take, the bar, and what differs below.
const makePane = (compare, card) => {
  const root = el("figure", "pane"), words = el("figcaption"), letter = el("span", "letter"), about = el("a", "about")
  const pane = {
    root, card, letter, about, marks: el("span", "given"),
    hear: lightKey("volume_off", "Hear this one", () => compare.hear(compare.panes.indexOf(pane))),
    stage: makeStage({
      fresh: id => askTake(compare.wall, id).catch(() => null),
      changed: () => compare.load(),
    }),
  }
  drawStage(pane.stage, card)
  about.target = "_blank"
  root.dataset.testid = "compare-pane"
  words.append(letter, about, pane.marks, pane.hear)
  root.append(pane.stage.root, words)
  pane.stage.root.addEventListener("click", () => compare.judge(compare.panes.indexOf(pane)))
  return pane
}

const drawPane = (compare, pane, place) => {
  const { card, stage } = pane, { wiping, sound, transport } = compare, before = stage.media
  drawStage(stage, card)
  if (stage.media !== before) compare.load()
  pane.root.dataset.take = card.id
  pane.root.style.order = place
  pane.root.setAttribute("aria-label", compare.blind ? `Take ${LETTERS[place]}` : `Take ${LETTERS[place]}: ${card.alt}`)
  if (compare.focus === place) pane.root.setAttribute("aria-current", "true")
  else pane.root.removeAttribute("aria-current")
  setText(pane.letter, LETTERS[place])
  setText(pane.about, compare.blind ? "" : [card.model, card.cost].filter(Boolean).join(" · "))
  pane.about.href = card.href
  pane.about.title = compare.blind ? "" : card.prompt || card.alt
  setText(pane.marks, marksOf(card).join(" "))
  const heard = sound.on && stage.media && transport.nodes[sound.from] === stage.media
  pane.hear.hidden = !stage.media
  markPressed(pane.hear, heard)
  setKey(pane.hear, heard ? "volume_up" : "volume_off", heard ? "Heard" : "Hear this one")
  pane.root.classList.toggle("left", wiping?.[0] === place)
  pane.root.classList.toggle("right", wiping?.[1] === place)
  pane.root.classList.toggle("aside", Boolean(wiping) && !wiping.includes(place))
}

const buildCompare = compare => {
  const parts = {
    root: el("div", "compare"), top: el("header", "top"), frame: el("div", "middle"), panes: el("div", "panes"),
    bottom: el("footer", "bottom"), differences: el("section", "differences"), message: el("div", "message"),
    title: el("span", "caption", "Compare"), help: buildHelp(COMPARE_KEYS), cut: el("input", "cut"), pair: el("div", "pair"),
    blind: lightKey("visibility_off", "Hide which is which (B)", () => compare.hideLabels()),
    shuffle: lightKey("shuffle", "Shuffle (S)", () => compare.shuffle()),
    wipe: lightKey("compare", "Wipe between two (W)", () => compare.wipe()),
    share: lightKey("link", "Copy the address", () => compare.share()),
    helpKey: lightKey("keyboard", "Keys (H)", () => compare.toggleHelp()),
    close: lightKey("close", "Back (Esc)", () => compare.how.leave()),
    controls: makeControls(compare.transport, compare.sound),
    verdicts: makeVerdicts(set => compare.give(set)), judged: el("span", "letter"),
  }
  const { root, top, frame, bottom, cut } = parts, tools = el("div", "tools"), line = el("div", "line")
  Object.assign(cut, { type: "range", min: 0, max: 100, step: 0.5, value: 50 })
  cut.setAttribute("aria-label", "Where the wipe is")
  cut.oninput = () => {
    parts.panes.style.setProperty("--cut", `${cut.value}%`)
    parts.panes.style.setProperty("--at", cut.value / 100)
  }
  parts.message.setAttribute("role", "status")
  setText(parts.message, "")
  parts.helpKey.classList.add("keys-only")
  tools.append(parts.blind, parts.shuffle, parts.wipe, parts.share, parts.helpKey, parts.close)
  top.append(parts.title, parts.pair, tools)
  frame.append(parts.panes, cut, parts.message, parts.help)
  parts.verdicts.root.prepend(parts.judged)
  line.append(parts.controls.bar, parts.verdicts.root)
  bottom.append(line)
  root.append(top, frame, bottom, parts.differences)
  return parts
}

const drawCompare = compare => {
  const { parts, panes, blind, wiping } = compare
  setText(parts.title, `Compare ${panes.length} takes`)
  markPressed(parts.blind, blind)
  setKey(parts.blind, blind ? "visibility" : "visibility_off", blind ? "Show which is which (B)" : "Hide which is which (B)")
  markPressed(parts.wipe, wiping)
  setText(parts.judged, LETTERS[compare.focus])
  parts.judged.title = "The take that is judged (← →)"
  parts.verdicts.draw(compare.focused.card, compare.wall.blind || blind)
  parts.cut.hidden = !wiping
  parts.panes.classList.toggle("wiping", Boolean(wiping))
  parts.pair.hidden = !wiping || panes.length < 3
  if (parts.pair.hidden) return
  drawWhenChanged(parts.pair, [panes.length, wiping], () => [0, 1].map(side => pairChoice(compare, side)))
}

// Which of more than two lies on this side of the wipe.
const pairChoice = (compare, side) => {
  const field = el("select")
  field.setAttribute("aria-label", side ? "On the right" : "On the left")
  field.append(...compare.panes.map((_, place) => Object.assign(el("option", "", LETTERS[place]), {
    value: place, disabled: place === compare.wiping[1 - side],
  })))
  field.value = compare.wiping[side]
  field.onchange = () => {
    compare.wiping[side] = Number(field.value)
    compare.draw()
  }
  return field
}
