// What is done with all that are chosen: it lies over the foot of the wall while something is.
const LINK_IDS_MAX = 1200
const chosenWords = wall => {
  if (wall.everything) {
    const { total } = wall.everything
    return total === null ? "All that this filter finds" : `All ${total.toLocaleString()}${total >= 10000 ? "+" : ""} that this filter finds`
  }
  return `${wall.select.size.toLocaleString()} selected`
}
const takesWords = number => `${number.toLocaleString()} take${number === 1 ? "" : "s"}`

const labelled = (name, label, act, more = "") => {
  const button = el("button", `act ${more}`)
  button.type = "button"
  button.append(icon(name), el("span", "label", label))
  // On a phone the bar has room for the icons alone.
  if (label) button.setAttribute("aria-label", label)
  button.onclick = act
  return button
}

const makeBar = place => {
  const { wall } = place
  const bar = el("div", "bar")
  bar.dataset.testid = "wall-bar"
  bar.setAttribute("role", "toolbar")
  bar.setAttribute("aria-label", "With the selected takes")
  const count = el("span", "count"), all = el("button", "act all"), menu = el("div", "menu")
  all.type = "button"
  all.onclick = () => wall.chooseAll().catch(error => wall.toast(error.message, { tone: "red" }))
  menu.hidden = true
  const opens = (name, label, fill, more) => {
    const button = labelled(name, label, () => openMenu(place, button, fill), more)
    button.setAttribute("aria-haspopup", "true")
    button.setAttribute("aria-expanded", "false")
    return button
  }
  const down = el("a", "act main")
  down.append(icon("download"), el("span", "label", "Download"))
  down.setAttribute("aria-label", "Download")
  down.setAttribute("download", "")
  down.onclick = saveBy(place, { format: "zip" })
  const writes = [
    opens("library_add", "Add to", fillCollections), opens("sell", "Tag", fillTags),
    opens("rate_review", "Review", fillReviews), opens("more_horiz", "More", fillMore),
  ]
  const close = labelled("close", "", () => wall.chooseNone(), "bare")
  nameButton(close, "Select none (Esc)")
  const buttons = el("div", "acts")
  buttons.append(down, opens("expand_more", "", fillExports, "bare as"), ...writes)
  nameButton(buttons.children[1], "Other ways to download")
  const busy = el("progress", "busy")
  busy.hidden = true
  busy.setAttribute("aria-label", "Progress")
  bar.append(count, all, buttons, close, busy, menu)
  bar.onkeydown = event => { if (event.key === "Escape" && !menu.hidden) { event.stopPropagation(); leaveMenu(place) } }
  Object.assign(place, { bar, menu, busy, barCount: count, barAll: all, barDown: down, barWrites: writes })
  wall.on("select", () => drawBar(place))
  wall.on("items", () => drawBar(place))
  return bar
}

const drawBar = place => {
  const { wall } = place
  place.bar.hidden = !wall.select.size && !wall.everything
  place.root?.classList.toggle("choosing", !place.bar.hidden)
  for (const parts of place.cards.values()) markCard(place, parts)
  if (place.bar.hidden) return closeMenu(place)
  setText(place.barCount, chosenWords(wall))
  if (wall.cursor !== null && wall.total === null && place.countedFor !== wall.query) {
    place.countedFor = wall.query
    wall.count().then(() => drawBar(place), () => {})
  }
  const more = !wall.everything && (wall.cursor !== null || wall.select.size < wall.items.length)
  const number = wall.cursor === null ? wall.items.length : wall.total
  setText(place.barAll, more ? `Select all ${number?.toLocaleString() ?? ""}`.trim() : "")
  place.barDown.href = fitsLink(place) ? exportLink(place, { format: "zip" }) : wall.link("wall/export")
  const may = wall.may("change")
  place.barWrites.forEach(button => { button.hidden = !may })
}

const exportLink = ({ wall }, more) => {
  const pairs = new URLSearchParams(wall.everything ? wall.query : "")
  if (!wall.everything) pairs.set("ids", wall.chosen().join(","))
  Object.entries(more).forEach(([name, value]) => pairs.set(name, value))
  return wall.link(`wall/export?${pairs}`)
}
// An address holds so many ids; beyond, a form sends them. The page stays: the answer is a file.
const fitsLink = ({ wall }) => Boolean(wall.everything) || wall.select.size <= LINK_IDS_MAX
const sendExport = ({ wall }, more) => {
  const form = el("form")
  Object.assign(form, { method: "post", action: wall.link("wall/export"), hidden: true })
  for (const [name, value] of Object.entries({ ids: wall.chosen().join(","), ...more })) {
    form.append(Object.assign(el("input"), { type: "hidden", name, value }))
  }
  document.body.append(form)
  form.submit()
  form.remove()
}
const saveBy = (place, more) => event => {
  if (fitsLink(place)) return
  event.preventDefault()
  sendExport(place, more)
}

const openMenu = (place, button, fill) => {
  const again = place.menuOf === button
  closeMenu(place)
  if (again) return
  place.menuOf = button
  button.setAttribute("aria-expanded", "true")
  place.menu.replaceChildren()
  place.menu.hidden = false
  fill(place, place.menu)
  place.menu.style.left = `${Math.max(0, Math.min(button.offsetLeft, place.bar.clientWidth - place.menu.offsetWidth - 8))}px`
  place.menu.querySelector("input, button, a")?.focus({ preventScroll: true })
}
const closeMenu = place => {
  place.menuOf?.setAttribute("aria-expanded", "false")
  place.menuOf = null
  place.menu.hidden = true
}

// What is selected stays; the focus is where the menu was opened.
const leaveMenu = place => {
  const opened = place.menuOf
  closeMenu(place)
  opened?.focus({ preventScroll: true })
}

const menuItem = (menu, name, label, act) => {
  const item = labelled(name, label, act, "item")
  menu.append(item)
  return item
}

const fillExports = (place, menu) => {
  const ways = [
    ["folder_zip", "Files only (ZIP)", { format: "zip" }],
    ["inventory_2", "Files, details, manifest and contact sheet (ZIP)", { format: "zip", rich: 1 }],
    ["table", "Table (CSV)", { format: "csv" }],
    ["data_object", "Lines of JSON", { format: "jsonl" }],
    ["table_chart", "Parquet", { format: "parquet" }],
  ]
  for (const [name, label, how] of ways) {
    const item = el("a", "act item")
    item.append(icon(name), el("span", "label", label))
    item.href = fitsLink(place) ? exportLink(place, how) : place.wall.link("wall/export")
    item.setAttribute("download", "")
    item.onclick = event => { saveBy(place, how)(event); closeMenu(place) }
    menu.append(item)
  }
}

const fillReviews = (place, menu) => {
  for (const [state, { word, icon: name }] of Object.entries(REVIEWS)) {
    if (state === "approved" && !place.wall.may("approve")) continue
    menuItem(menu, name, word, () => doWith(place, { set: { review: state } }, word))
  }
  menuItem(menu, "radio_button_unchecked", "No review state", () => doWith(place, { set: { review: "none" } }, "Review taken back"))
  menuItem(menu, "star", "Star", () => doWith(place, { set: { favourite: true } }, "Starred"))
}

const fillMore = (place, menu) => {
  const { wall } = place
  if (wall.trashed) menuItem(menu, "restore_from_trash", "Restore", () => doWith(place, { restore: true }, "Restored"))
  menuItem(menu, "replay", "Retry the failed ones", () => ask(place, "Retry those that failed? Each is a new take, at its price.", "Retry", () => doWith(place, { retry: true }, "Retried")))
  menuItem(menu, "block", "Cancel", () => ask(place, "Cancel those in progress? What has begun may still be billed.", "Cancel them", () => doWith(place, { cancel: true }, "Cancelled")))
  if (!wall.trashed) menuItem(menu, "delete", "Move to trash", () => doWith(place, { trash: true }, "Moved to the trash"))
}

const choicesOf = async place => {
  place.choices ??= askWall(place.wall.link("wall/choices")).catch(error => { place.choices = null; throw error })
  return place.choices
}
const fillLater = async (place, menu, fill) => {
  const wait = el("div", "quiet wait", "…")
  menu.append(wait)
  try {
    const choices = await choicesOf(place)
    if (menu.hidden) return
    wait.remove()
    fill(choices)
    menu.querySelector("input, button")?.focus({ preventScroll: true })
  } catch (error) {
    setText(wait, error.message)
  }
}
const typed = (menu, label, act, list = []) => {
  const form = el("form", "typed"), field = el("input"), go = el("button", "act", "Add")
  // What is refused is said where it was typed, which stays.
  const wrong = el("div", "wait")
  wrong.setAttribute("role", "alert")
  wrong.hidden = true
  field.placeholder = label
  field.setAttribute("aria-label", label)
  field.maxLength = 100
  if (list.length) {
    const known = el("datalist")
    known.id = "known"
    known.append(...list.map(text => Object.assign(el("option"), { value: text })))
    field.setAttribute("list", "known")
    form.append(known)
  }
  form.onsubmit = event => {
    event.preventDefault()
    const text = field.value.trim()
    if (text) Promise.resolve(act(text)).catch(error => { setText(wrong, error.message); wrong.hidden = false })
  }
  form.append(field, go)
  menu.append(form, wrong)
}

const fillTags = (place, menu) => fillLater(place, menu, choices => {
  typed(menu, "Add a tag", tag => doWith(place, { add_tags: [tag] }, `Tagged “${nameWords(tag)}”`), choices.tags)
  const here = [...new Set(place.wall.chosen().flatMap(id => place.wall.byId(id)?.tags ?? []))].sort()
  here.slice(0, 12).forEach(tag => menuItem(menu, "close", `Take “${tag}” away`, () => doWith(place, { remove_tags: [tag] }, `“${nameWords(tag)}” taken away`)))
})

const fillCollections = (place, menu) => fillLater(place, menu, choices => {
  for (const [kind, title, body] of [
    ["collections", "Collections", id => ({ collect: [id] })],
    ["projects", "Project", id => ({ set: { project: id } })],
  ]) {
    menu.append(el("div", "title quiet", title))
    const list = el("div", "list")
    choices[kind].forEach(one => {
      const item = labelled(kind === "projects" ? "work" : "folder", one.name, () => doWith(place, body(one.id), `Added to ${nameWords(one.name)}`), "item")
      list.append(item)
    })
    if (kind === "projects") list.append(labelled("work_off", "No project", () => doWith(place, { set: { project: null } }, "In no project"), "item"))
    menu.append(list)
    if (place.wall.may("organise")) typed(menu, kind === "projects" ? "New project" : "New collection", async name => {
      const made = await askWall(place.wall.link(`wall/${kind}`), "POST", { name })
      place.choices = null
      await doWith(place, body(made.id), `Added to ${nameWords(made.name)}`)
    })
  }
})

// Something that costs money, or can't be undone, is asked for twice.
const ask = (place, words, label, act) => {
  place.menu.replaceChildren(el("div", "asks", words))
  menuItem(place.menu, "check", label, act).focus()
  menuItem(place.menu, "close", "Leave them as they are", () => closeMenu(place))
}

// A name that is read from right to left keeps that to itself: the words around it stay in their order.
const nameWords = name => (/[\u0590-\u08ff\ufb1d-\ufefc]/.test(name) ? `\u2068${name}\u2069` : name)
const doneWords = (words, { changed, skipped }) => {
  const left = skipped.length ? `${takesWords(skipped.length)} left as before: ${skipped[0].why}` : ""
  if (changed) return [`${words}: ${takesWords(changed)}`, left].filter(Boolean).join(" · ")
  return left || "Nothing to change: it is so already"
}
const doWith = async (place, body, words) => {
  const { wall } = place
  closeMenu(place)
  place.busy.hidden = false
  place.busy.removeAttribute("value")
  try {
    const done = await wall.act(body, { progress: share => { place.busy.value = share } })
    wall.toast(doneWords(words, done), { undo: Boolean(done.undo) })
  } catch (error) {
    wall.toast(error.message, { tone: "red" })
  } finally {
    place.busy.hidden = true
  }
}
