// The six steps of an experiment, each a link; the one that waits for somebody is marked in words, too.
const buildSteps = parent => {
  const nav = el("nav", "root steps"), list = el("ol", "list")
  nav.setAttribute("aria-label", "Steps")
  nav.dataset.testid = "steps"
  nav.append(list)
  parent.append(nav)
  return { list }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const place = placeOf(parentElement, buildSteps)
  place.go = id => setTriggerValue("go", id)
  drawWhenChanged(place.list, data.steps, () => data.steps.map((step, at) => {
    const item = el("li", "step"), link = el("a", "way"), words = el("span", "words")
    link.href = step.href
    link.dataset.step = step.id
    if (step.current) link.setAttribute("aria-current", "step")
    if (step.done) item.dataset.done = ""
    const mark = el("span", "mark", step.done ? "" : at + 1)
    if (step.done) mark.append(icon("check"))
    words.append(el("span", "name", step.name))
    if (step.note) words.append(el("span", "note", step.note))
    if (step.waits) words.append(el("span", "waits", step.waits))
    link.append(mark, words)
    link.onclick = event => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return
      event.preventDefault()
      place.go(step.id)
    }
    item.append(link)
    return item
  }))
  const current = place.list.querySelector("[aria-current]")
  // Of the list alone: the page stays where it is.
  if (current) place.list.scrollLeft = current.offsetLeft - (place.list.clientWidth - current.offsetWidth) / 2
}
