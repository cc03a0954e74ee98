// What an experiment varies: axes one under the other, each with its values. What is written is sent once somebody
// rests or goes on, and the page that is drawn of it takes nothing back: what the server holds comes in only when it
// was filled anew (`fill`).
const AXES_REST_MS = 600
const UNDOS_MAX = 50

const offerOf = (place, key) =>
  place.offers.find(offer => offer.axis === key) ?? { axis: key, words: key, choices: [], own: true, hint: "" }
const offersLeft = place => place.offers.filter(offer => !place.axes.some(axis => axis.key === offer.axis))

const makeAxis = (place, key, texts = []) => {
  const node = el("section", "axis"), head = el("div", "head"), name = el("select", "name"), count = el("span", "count quiet")
  const what = "it", number = "", axis = {
    key, values: [], node, name, count, choices: [], fault: null, fresh: false, all: false,
    choose: el("div", "choose"), rows: el("div", "rows"), says: el("p", "says"), words: "",
  }
  node.setAttribute("role", "group")
  node.dataset.testid = "axis"
  axis.choose.setAttribute("role", "group")
  name.setAttribute("aria-label", "What is varied")
  name.onchange = () => renameAxis(place, axis, name.value)
  axis.remove = press("delete", `Vary no longer: ${what}`, () => removeAxis(place, axis))
  axis.add = press("add", `Add value: ${what}`, () => writeNext(place, axis), "Add value")
  axis.more = press(null, `All ${number} values of ${what}`, () => {
    axis.all = true
    place.draw()
    axis.choose.children[FIRST_CHOICES]?.focus()
  }, "All")
  axis.says.id = `note-${(place.made += 1)}`
  head.append(name, count, axis.remove)
  const known = el("div", "ways")
  known.append(axis.choose, axis.more)
  node.append(head, known, axis.rows, axis.add, axis.says)
  node.addEventListener("focusout", event => {
    if (node.contains(event.relatedTarget) || !axis.fresh) return
    axis.fresh = false
    place.draw()
  })
  axis.values = texts.map(text => makeValue(axis, text))
  return axis
}

const drawAxis = (place, axis) => {
  const offer = offerOf(place, axis.key), ways = [offer, ...offersLeft(place)]
  Object.assign(axis, { words: offer.words, choices: offer.choices, hint: offer.hint, fault: place.faults[axis.key] ?? null })
  axis.node.setAttribute("aria-label", offer.words)
  axis.node.dataset.axis = axis.key
  axis.choose.setAttribute("aria-label", `Values of ${offer.words}`)
  drawWhenChanged(axis.name, ways, () => ways.map(one => new Option(one.words, one.axis)))
  axis.name.value = axis.key
  axis.remove.title = `Vary no longer: ${offer.words}`
  axis.remove.setAttribute("aria-label", axis.remove.title)
  axis.add.hidden = !offer.own
  axis.add.setAttribute("aria-label", `Add value: ${offer.words}`)
  axis.more.setAttribute("aria-label", `All ${offer.choices.length} values of ${offer.words}`)
  const number = new Set(textsOf(axis)).size
  setText(axis.count, number ? `${number} ${number === 1 ? "value" : "values"}` : "")
  if (!offer.choices.length && !axis.values.length) axis.values.push(makeValue(axis))
  drawAxisValues(place, axis)
}

// Another name for what is varied: its values stay.
const renameAxis = (place, axis, key) => {
  axis.key = key
  place.draw()
  place.send()
}

const addAxis = (place, key) => {
  const axis = makeAxis(place, key)
  axis.fresh = true
  place.axes.push(axis)
  place.asks = false
  place.draw()
  place.send()
  if (axis.choices.length) axis.choose.firstElementChild.focus()
  else axis.values[0].field.focus()
}

const removeAxis = (place, axis) => {
  const at = place.axes.indexOf(axis)
  place.axes.splice(at, 1)
  place.remember(`${axis.words} is varied no longer.`, () => {
    place.axes.splice(Math.min(at, place.axes.length), 0, axis)
    if (place.axes.some(one => one !== axis && one.key === axis.key)) place.axes.splice(place.axes.indexOf(axis), 1)
    place.draw()
    axis.name.focus()
  })
  place.draw()
  place.send()
  const beside = place.axes[at] ?? place.axes[at - 1]
  ;(beside?.remove ?? place.offered.firstElementChild)?.focus()
}

// Many at once: what a table or a text of several lines holds.
const onValuePaste = (place, value, event) => {
  const text = event.clipboardData?.getData("text/plain") ?? "", rows = readPasted(text)
  if (!rows.length || (rows.length === 1 && rows[0].length === 1 && rows[0][0] === text.trim())) return
  event.preventDefault()
  if (rows.length === 1 && rows[0].length === 1) return insertText(value, rows[0][0])
  const named = new Map(place.offers.flatMap(offer => [offer.axis, offer.words].map(one => [one.toLowerCase(), offer.axis])))
  if (value.field.selectionEnd - value.field.selectionStart === value.field.value.length) value.text = ""
  const levels = levelsPasted(rows, value.axis.key, cell => named.get(cell.toLowerCase()))
  const whole = rows.every(row => row.length === 1) ? text.trim() : null
  putLevels(place, value, levels, whole)
}
const insertText = (value, text) => {
  value.field.setRangeText(text, value.field.selectionStart, value.field.selectionEnd, "end")
  value.field.oninput()
}

// Each value once; those of this axis follow where they were put, the others stand at the end of theirs.
const putLevels = (place, value, levels, whole) => {
  const { axis: here } = value, before = value.field.value, added = [], fresh = []
  let last = value
  for (const [key, said] of levels) {
    let axis = place.axes.find(one => one.key === key)
    if (!axis) {
      place.axes.push(axis = makeAxis(place, key))
      fresh.push(axis)
      drawAxis(place, axis)
    }
    const text = choiceOf(axis, said) ?? said
    if (axis.values.some(one => one.text === text)) continue
    if (axis === here && last === value && !value.text.trim()) value.text = text
    else added.push(addValue(axis, axis === here ? last : null, text))
    if (axis === here) last = added.at(-1)?.axis === here ? added.at(-1) : value
  }
  const back = () => {
    place.axes = place.axes.filter(axis => !fresh.includes(axis))
    added.forEach(one => { one.axis.values = one.axis.values.filter(other => other !== one) })
    value.text = before
    if (!here.values.includes(value)) here.values.push(value)
    place.draw()
    value.field.focus()
  }
  place.remember(`${levels.length} values were put in.`, back, whole && (() => {
    back()
    insertText(value, whole)
  }))
  value.writing = false
  place.axes.forEach(axis => { axis.values = axis.values.filter(one => one.text.trim()) })
  place.draw()
  place.send()
  ;(last.node?.isConnected ? last.field : here.name).focus()
}

const drawAxes = place => {
  place.axes.forEach(axis => drawAxis(place, axis))
  drawNodes(place.list, place.axes.map(axis => axis.node))
  growAll(place)
  const left = offersLeft(place), opened = place.asks || !place.axes.length
  const wanted = opened ? [] : left.filter(offer => offer.wanted)
  drawOffers(place, place.wanted, wanted)
  drawOffers(place, place.offered, left)
  place.panel.hidden = !opened || !left.length
  place.ask.hidden = !place.axes.length || !left.length
  place.ask.setAttribute("aria-expanded", opened)
  place.hint.hidden = !place.axes.some(axis => axis.rows.childElementCount)
  drawUndo(place)
}
const drawOffers = (place, parent, offers) => drawKeyed(parent, offers.map(offer => offer.axis), key => {
  const { words } = offerOf(place, key)
  return press("add", `Vary ${words}`, () => addAxis(place, key), words)
})
const growAll = place => place.axes.forEach(axis => axis.values.forEach(value => value.node?.isConnected && growField(value.field)))

const drawUndo = place => {
  const last = place.undos.at(-1)
  place.done.hidden = !last
  if (place.told.textContent !== (last?.says ?? "")) place.told.textContent = last?.says ?? ""
  place.asOne.hidden = !last?.asOne
}

const levelsOf = place => place.axes.flatMap(axis => {
  const texts = textsOf(axis)
  return (texts.length ? texts : [""]).map(text => [axis.key, text])
})

const fillAxes = (place, data) => {
  place.axes = []
  for (const [key, text] of data.levels) {
    let axis = place.axes.find(one => one.key === key)
    if (!key) continue
    if (!axis) place.axes.push(axis = makeAxis(place, key))
    if (text) axis.values.push(makeValue(axis, text))
  }
  Object.assign(place, { fill: data.fill, undos: [], asks: false, sent: JSON.stringify(data.levels) })
  place.list.replaceChildren()
}

const buildAxes = parent => {
  const root = el("div", "root axes"), foot = el("div", "foot"), ways = el("div", "ways"), undo = el("div", "done")
  const place = {
    root, list: el("div", "list"), wanted: el("div", "ways"), panel: el("div", "offers"), offered: el("div", "ways"),
    hint: el("p", "hint quiet"), done: undo, told: el("span", "told"), axes: [], offers: [], faults: {}, undos: [], made: 0,
  }
  root.dataset.testid = "axes"
  place.told.setAttribute("role", "status")
  place.ask = press("add", "Vary something else", () => { place.asks = !place.asks; place.draw() }, "Vary something else")
  place.panel.append(el("p", "ask", "What is to differ between the takes?"), place.offered)
  place.undo = press("undo", "Undo", () => { place.undos.pop().back(); place.send(); drawUndo(place) }, "Undo")
  place.asOne = press(null, "It is one value", () => { place.undos.pop().asOne(); drawUndo(place) }, "It is one value")
  undo.append(place.told, place.undo, place.asOne)
  place.hint.append(el("span", "keys", "Enter: the next value; Shift+Enter: a new line. "), "Paste a list or columns of a table: each line is a value.")
  ways.append(place.ask, place.wanted)
  foot.append(place.hint, undo, ways, place.panel)
  root.append(place.list, foot)
  parent.append(root)
  // What takes a field away makes it lose its focus, and that draws as well: once is enough. While somebody presses,
  // nothing moves: what is under the finger is what was meant.
  place.draw = () => {
    place.late ||= place.pressed
    if (place.draws || place.pressed) return
    place.draws = true
    try { drawAxes(place) } finally { place.draws = false }
  }
  place.soon = () => { clearTimeout(place.resting); place.resting = setTimeout(place.send, AXES_REST_MS) }
  place.send = () => {
    clearTimeout(place.resting)
    const levels = levelsOf(place), said = JSON.stringify(levels)
    if (said === place.sent) return
    place.sent = said
    place.tell("levels", levels)
  }
  place.remember = (says, back, asOne) => { place.undos = [...place.undos, { says, back, asOne }].slice(-UNDOS_MAX) }
  new ResizeObserver(() => growAll(place)).observe(root)
  return place
}

const hearPresses = (place, how) => {
  const release = () => {
    place.pressed = false
    if (!place.late) return
    place.late = false
    setTimeout(place.draw)  // once the click has come
  }
  addEventListener("pointerdown", () => { place.pressed = true }, how)
  addEventListener("pointerup", release, how)
  addEventListener("pointercancel", release, how)
}

export default function ({ data, parentElement, setStateValue }) {
  const place = placeOf(parentElement, buildAxes)
  place.tell = setStateValue
  place.ends?.abort()
  place.ends = new AbortController()
  hearPresses(place, { capture: true, signal: place.ends.signal })
  Object.assign(place, { offers: data.offers, faults: data.faults })
  if (place.fill !== data.fill) fillAxes(place, data)
  place.draw()
  return () => place.ends.abort()
}
