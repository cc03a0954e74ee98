// The values of one axis: those that are known are pressed, any others are written, one under the other. A field grows
// with its text. What stands under a finger or is written in is never made anew.
const FEW_CHOICES = 16, FIRST_CHOICES = 8
const GROWS_BY_ITSELF = CSS.supports("field-sizing", "content")

const press = (sign, label, act, shown) => {
  const button = el("button", shown === undefined ? "sign" : "add")
  button.type = "button"
  button.setAttribute("aria-label", label)
  if (shown === undefined) button.title = label
  if (sign) button.append(icon(sign))
  if (shown !== undefined) button.append(el("span", "", shown))
  button.onclick = act
  return button
}

// Children by their keys: those that stand there stay, whatever comes or goes beside them.
const drawKeyed = (parent, keys, make) => {
  const known = new Map([...parent.children].map(node => [node.dataset.key, node]))
  const nodes = keys.map(key => {
    const node = known.get(key) ?? make(key)
    node.dataset.key = key
    return node
  })
  drawNodes(parent, nodes)
}
const drawNodes = (parent, nodes) => {
  ;[...parent.children].forEach(node => { if (!nodes.includes(node)) node.remove() })
  nodes.forEach((node, at) => { if (parent.children[at] !== node) parent.insertBefore(node, parent.children[at] ?? null) })
}

const growField = field => {
  if (GROWS_BY_ITSELF || !field.clientWidth) return
  field.style.height = "auto"
  field.style.height = `${field.scrollHeight + 2}px`
}

const textsOf = axis => axis.values.map(value => value.text).filter(text => text.trim())
const choiceOf = (axis, text) => {
  const said = text.trim().toLowerCase()
  return axis.choices.find(([value, words]) => [value, words].some(one => one.trim().toLowerCase() === said))?.[0]
}
// Is it pressed rather than written? Not while somebody is writing it.
const isPressed = (axis, value) => !value.writing && axis.choices.some(([one]) => one === value.text)
const writtenOf = axis => axis.values.filter(value => !isPressed(axis, value))

const makeValue = (axis, text = "") => ({ text, axis, writing: false, node: null })

// The row of a value that is written: made when it is drawn first.
const rowOf = (place, value) => {
  if (value.node) return value.node
  const node = el("div", "value"), field = el("textarea", "field"), note = el("p", "says"), what = "this value"
  const remove = press("close", `Remove ${what}`, () => removeValue(place, value))
  field.rows = 1
  field.value = value.text
  field.enterKeyHint = "next"
  field.spellcheck = false
  note.id = `note-${(place.made += 1)}`
  note.hidden = true
  field.oninput = () => {
    value.text = field.value
    value.writing = true
    growField(field)
    drawNotes(place, value.axis)
    place.soon()
  }
  field.onkeydown = event => onValueKey(place, value, event)
  field.onpaste = event => onValuePaste(place, value, event)
  node.addEventListener("focusout", event => { if (!node.contains(event.relatedTarget)) settleValue(place, value) })
  node.append(field, remove, note)
  return Object.assign(value, { node, field, note, remove }).node
}

// Somebody has written it: where it is a value that is known, that one is pressed from now on.
const settleValue = (place, value) => {
  const { axis } = value, known = choiceOf(axis, value.text)
  if (!axis.values.includes(value)) return  // it was removed, and lost its focus by that
  value.writing = false
  if (known && !axis.values.some(one => one !== value && one.text === known)) value.text = known
  place.draw()
  place.send()
}

const drawAxisValues = (place, axis) => {
  drawChoices(place, axis)
  drawNodes(axis.rows, writtenOf(axis).map(value => rowOf(place, value)))
  writtenOf(axis).forEach((value, at) => {
    if (value.field.value !== value.text && !value.writing) value.field.value = value.text
    value.field.setAttribute("aria-label", `${axis.words}, value ${at + 1}`)
    value.field.placeholder = axis.hint
    const what = shortened(value.text) || `value ${at + 1}`
    value.remove.title = `Remove ${what}`
    value.remove.setAttribute("aria-label", `Remove ${what}`)
    growField(value.field)
  })
  drawNotes(place, axis)
}

// Beside each value what is wrong with it; a value that stands there already counts once.
const drawNotes = (place, axis) => {
  const fault = axis.fault?.at.length && !axis.fresh ? axis.fault : null, seen = new Set()
  const faulty = fault ? axis.values.filter(value => fault.at.includes(value.text)) : []
  for (const value of axis.values) {
    const text = value.text.trim(), again = text && seen.has(value.text)
    seen.add(value.text)
    if (!value.node) continue
    const wrong = faulty.includes(value), says = wrong && value === faulty.at(-1) ? fault.says : ""
    setText(value.note, says || (again && !wrong ? "Stands there already; it counts once." : ""))
    value.note.classList.toggle("wrong", Boolean(says))
    mark(value.field, "aria-invalid", wrong && "true")
    mark(value.field, "aria-describedby", !value.note.hidden && value.note.id)
  }
  const elsewhere = axis.fault && !axis.fresh && !faulty.some(value => value.node) ? axis.fault.says : ""
  setText(axis.says, elsewhere)
  axis.node.toggleAttribute("data-wrong", Boolean(elsewhere))
  mark(axis.node, "aria-describedby", elsewhere && axis.says.id)
}
const mark = (node, name, value) => (value ? node.setAttribute(name, value) : node.removeAttribute(name))

// Known values, each pressed or not. Of many the first ones, until all are asked for.
const drawChoices = (place, axis) => {
  const held = new Set(axis.values.filter(value => isPressed(axis, value)).map(value => value.text))
  const few = axis.choices.length <= FEW_CHOICES || axis.all
  const shown = axis.choices.filter(([value], at) => few || at < FIRST_CHOICES || held.has(value))
  drawKeyed(axis.choose, shown.map(([value]) => value), value => {
    const chip = el("button", "choice")
    chip.type = "button"
    chip.onclick = () => toggleChoice(place, axis, value)
    return chip
  })
  shown.forEach(([value, words], at) => {
    setText(axis.choose.children[at], words)
    axis.choose.children[at].setAttribute("aria-pressed", held.has(value))
  })
  axis.choose.hidden = !axis.choices.length
  axis.more.hidden = few
  setText(axis.more.lastChild, `All ${axis.choices.length}`)
}

const toggleChoice = (place, axis, text) => {
  const at = axis.values.findIndex(value => value.text === text && isPressed(axis, value))
  if (at < 0) axis.values.push(makeValue(axis, text))
  else axis.values.splice(at, 1)
  place.draw()
  place.send()
}

const addValue = (axis, after, text = "") => {
  const value = makeValue(axis, text), at = after ? axis.values.indexOf(after) + 1 : axis.values.length
  axis.values.splice(at, 0, value)
  return value
}
const writeNext = (place, axis, after) => {
  const value = addValue(axis, after)
  value.writing = true
  place.draw()
  value.field.focus()
  return value
}

const removeValue = (place, value, by = "press") => {
  const { axis } = value, written = writtenOf(axis), at = written.indexOf(value), among = axis.values.indexOf(value)
  const beside = by === "key" ? written[at - 1] ?? written[at + 1] : written[at + 1] ?? written[at - 1]
  axis.values.splice(among, 1)
  if (value.text.trim()) {
    place.remember(`Removed “${shortened(value.text)}”.`, () => {
      axis.values.splice(Math.min(among, axis.values.length), 0, value)
      place.draw()
      value.field.focus()
    })
  }
  place.draw()
  place.send()
  if (!beside) (axis.add.hidden ? axis.name : axis.add).focus()
  else if (by === "press") beside.remove.focus()
  else caretTo(beside.field, at > 0 ? "end" : "start")
}
const shortened = text => text.trim().replace(/\s+/g, " ").slice(0, 60)
const caretTo = (field, end) => {
  field.focus()
  const at = end === "end" ? field.value.length : 0
  field.setSelectionRange(at, at)
}

// Enter goes to the next value, the arrows from one to another; ⌫ removes one that is empty.
const onValueKey = (place, value, event) => {
  if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return
  const { axis, field } = value, written = writtenOf(axis), at = written.indexOf(value)
  const alone = field.selectionStart === field.selectionEnd
  const go = (other, end) => { event.preventDefault(); caretTo(other.field, end) }
  if (event.key === "Enter") {
    event.preventDefault()
    if (written[at + 1]) caretTo(written[at + 1].field, "end")
    else if (value.text.trim()) writeNext(place, axis, value)
  } else if (event.key === "Backspace" && !field.value && written.length > 1) {
    event.preventDefault()
    removeValue(place, value, "key")
  } else if (event.key === "ArrowUp" && alone && !field.selectionStart && written[at - 1]) go(written[at - 1], "end")
  else if (event.key === "ArrowDown" && alone && field.selectionEnd === field.value.length && written[at + 1]) go(written[at + 1], "start")
}
