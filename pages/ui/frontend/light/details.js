// Beside the take: what was asked for, what people wrote of it, and what happened.
const makeDetails = (wall, told) => {
  const root = el("aside", "details")
  root.setAttribute("aria-label", "Details")
  const page = el("a", "page", "Open its page"), vary = el("a", "page", "Vary this"), prompt = el("p", "asked"), copy = copyKey(() => prompt.textContent)
  const review = el("select", "review"), note = el("textarea", "note"), tags = makeTags(tag => retag({ add_tags: [tag] }), tag => retag({ remove_tags: [tag] }))
  const facts = el("dl", "facts"), history = el("ol", "past"), trouble = el("p", "trouble")
  let card = null
  const change = async set => { if (await wall.change([card.id], set)) told("Kept") }
  // One tag at a time, so that those which others give meanwhile stay.
  const retag = async body => {
    try {
      const done = await wall.act(body, { ids: [card.id], all: null })
      told(done.skipped.length ? done.skipped[0].why : "Kept")
    } catch (problem) {
      told(problem.message)
    }
  }
  note.rows = 2
  note.placeholder = "A note, for everybody"
  note.setAttribute("aria-label", "Note")
  note.onchange = () => change({ note: note.value.trim() })
  review.setAttribute("aria-label", "What the team decided")
  review.onchange = () => change({ review: review.value })
  const head = el("div", "head")
  vary.title = "Plans an experiment around it; nothing is made or paid by that"
  head.append(el("h2", "", "Details"), vary, page)
  root.append(
    head, trouble, copy, prompt, label("Review", review), label("Note", note), label("Tags", tags.root), facts, history,
  )
  const fill = more => {
    drawWhenChanged(facts, more.facts ?? [], () => (more.facts ?? []).flatMap(factRow))
    drawWhenChanged(history, more.history ?? [], () => (more.history ?? []).map(pastRow))
    note.value = more.note ?? ""
    note.disabled = !more.may?.change
    tags.draw(more.tags ?? [], Boolean(more.may?.change))
  }
  return {
    root,
    async draw(now) {
      const same = card?.id === now.id
      card = now
      page.href = now.href
      vary.href = `experiment?from=${encodeURIComponent(now.id)}`
      vary.hidden = !wall.may("experiment")
      setText(prompt, now.prompt || now.alt)
      drawReviews(review, now)
      tags.draw(now.tags ?? [], Boolean(now.may?.change))
      if (same && card.version === root.version) return
      root.version = card.version
      if (!same) fill({})
      try {
        const more = await askWall(wall.link(`wall/takes/${encodeURIComponent(now.id)}`))
        if (card.id !== now.id) return
        setText(trouble, "")
        const here = wall.byId(now.id)
        if (here) here.note = more.note ?? ""
        if (note !== note.getRootNode().activeElement) fill(more)
      } catch (problem) {
        if (card.id === now.id) setText(trouble, problem.message)
      }
    },
  }
}

const label = (words, field) => {
  const row = el(field.matches("div") ? "div" : "label", "field")
  row.append(el("span", "name", words), field)
  return row
}

const drawReviews = (field, card) => {
  const now = card.review?.state ?? "none"
  const offered = Object.keys(REVIEW_WORDS).filter(state => state === now || state !== "approved" || card.may?.approve)
  field.disabled = !card.may?.change
  const choice = state => Object.assign(el("option", "", REVIEW_WORDS[state]), { value: state })
  drawWhenChanged(field, offered, () => offered.map(choice))
  field.value = now
}

const makeTags = (add, remove) => {
  const root = el("div", "tags"), form = el("form"), field = el("input"), list = el("div", "chips")
  let tags = [], mayChange = null
  const makeChip = tag => {
    const chip = el("span", "tag", tag)
    chip.dataset.tag = tag
    if (mayChange) chip.append(lightKey("close", `Take the tag ${tag} off`, () => remove(tag)))
    return chip
  }
  field.placeholder = "Add a tag"
  field.setAttribute("aria-label", "Add a tag")
  form.append(field)
  root.append(list, form)
  form.onsubmit = event => {
    event.preventDefault()
    const tag = field.value.trim()
    field.value = ""
    if (tag && !tags.includes(tag)) add(tag)
  }
  return {
    root,
    draw(now, may) {
      tags = now
      form.hidden = !may
      if (mayChange !== may) list.replaceChildren()
      mayChange = may
      // The others stay as they are: one of them may be under a finger.
      for (const chip of [...list.children]) if (!now.includes(chip.dataset.tag)) chip.remove()
      now.forEach((tag, at) => {
        if (list.children[at]?.dataset.tag !== tag) list.insertBefore(makeChip(tag), list.children[at] ?? null)
      })
      while (list.children.length > now.length) list.lastChild.remove()
    },
  }
}

const copyKey = read => {
  const button = lightKey("content_copy", "Copy the prompt", async () => {
    try {
      await navigator.clipboard.writeText(read())
      setKey(button, "check", "Copied")
    } catch { // a browser gives no page without TLS its clipboard
      setKey(button, "block", "Not copied: mark the text and copy it")
    }
    setTimeout(() => setKey(button, "content_copy", "Copy the prompt"), 1200)
  })
  button.classList.add("copy")
  return button
}

const factRow = row => {
  const value = el("dd", row.mono ? "mono" : "")
  if (row.at_ms) value.textContent = [moment(row.at_ms), row.value].filter(Boolean).join(" · ")
  else value.textContent = row.value ?? "–"
  return [el("dt", "", row.label), value]
}

const pastRow = row => {
  const line = el("li")
  line.append(
    el("time", "", moment(row.at_ms)), el("span", "", [row.word, row.what].filter(Boolean).join(" · ")),
    el("span", "by", row.who ? `by ${row.who}` : ""),
  )
  if (row.note) line.append(el("span", "more", row.note))
  return line
}
