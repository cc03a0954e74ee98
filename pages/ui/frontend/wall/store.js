// What the wall knows: its takes in order, what is chosen, what was changed and can be undone. It draws nothing.
const WALL_BATCH = 60
const WALLS_KEPT = 3
const UNDO_STEPS = 100
// So many ids are sent at once, so that progress can be seen.
const BULK_IDS = 500
const WALL_TIRED_MS = 60000
// Lists that were left behind, so that Back finds them without asking again: query -> line, cards and cursor.
const wallsKept = window.__dailiesWalls ??= new Map()

// keepalive: it is sent to its end also when the page is closed meanwhile; for what is small.
const askWall = async (address, method = "GET", body, keepalive = false) => {
  const how = { method, keepalive, headers: { Accept: "application/json" }, signal: AbortSignal.timeout(WALL_TIRED_MS) }
  if (method !== "GET") {
    how.headers["Content-Type"] = "application/json"
    how.headers["X-Dailies"] = "1"
    how.body = JSON.stringify(body ?? {})
  }
  let answer
  try {
    answer = await fetch(address, how)
  } catch {
    throw new Error("Dailies can't be reached just now. What is kept is safe; try again.")
  }
  const told = await answer.json().catch(() => null)
  if (answer.ok) return told
  const error = told?.error
  const fields = (error?.fields ?? []).map(one => `${one.field}: ${one.message}`).join("; ")
  throw Object.assign(new Error(fields || error?.message || `It failed (${answer.status}). Try again.`), {
    status: answer.status, code: error?.code,
  })
}

// When a card came stands in it: its clock goes on from there, however often it is drawn.
const arrived = card => Object.assign(card, { got: performance.now() })
const renew = (here, card) => {
  const told = here.elapsed_s !== card.elapsed_s || here.rendering_s !== card.rendering_s
  return Object.assign(here, card, told ? { got: performance.now() } : {})
}

// A rating counts in the mean at once, as it will when the server has it.
const ratedCard = (card, mine) => {
  const was = card.rating ?? { mine: null, mean: null, count: 0 }
  const count = was.count + (mine === null ? 0 : 1) - (was.mine === null ? 0 : 1)
  const sum = (was.mean ?? 0) * was.count + (mine ?? 0) - (was.mine ?? 0)
  return { mine, count, mean: count ? sum / count : null }
}
const changedCard = (card, set, me) => {
  const next = { ...card }
  if ("rating" in set) next.rating = ratedCard(card, set.rating)
  if ("favourite" in set) next.favourite = set.favourite
  if ("review" in set) next.review = { state: set.review, by: me.name, at_ms: Date.now() }
  for (const name of ["tags", "note", "project"]) if (name in set) next[name] = set[name]
  return next
}
// What a card said of these names, as a change that brings it back.
const asItWas = (card, set) => {
  const was = {
    rating: card.rating?.mine ?? null, favourite: Boolean(card.favourite),
    review: card.review?.state ?? "none", tags: card.tags ?? [], project: card.project ?? null, note: card.note ?? "",
  }
  return Object.fromEntries(Object.keys(set).map(name => [name, was[name]]))
}

const makeWall = () => {
  const hears = { items: new Set(), changed: new Set(), removed: new Set(), select: new Set() }
  const known = new Map()
  // The ids of this list in their order; of those that left it, which may come back to where they stood, too.
  let line = []
  const left = new Map()
  const lay = () => { wall.items = line.filter(id => known.has(id)).map(id => known.get(id)) }
  // Looked at though the list doesn't show them: an address named them, or they have left it since.
  const guests = new Map()
  const cardOf = id => known.get(id) ?? guests.get(id)
  const waiting = new Map()
  const steps = []
  let loading = null, sending = Promise.resolve(), era = 0
  const tell = (what, told) => hears[what].forEach(hear => hear(told))

  const wall = {
    items: [], select: new Set(), everything: null, me: { name: "", role: "", may: [] },
    query: "", cursor: null, total: null, sort: "newest", blind: false,
    openLightbox: null, openCompare: null, focusCard: () => {}, toast: () => {},

    on(what, hear) {
      hears[what].add(hear)
      return () => hears[what].delete(hear)
    },
    byId: id => cardOf(id) ?? null,
    link: path => new URL(path, new URL(".", location.href)).href,
    may: what => wall.me.may.includes(what),

    // Other takes than before: the first of them came with the page, unless Back brings what was here before.
    begin(data, back) {
      wall.keep()
      era += 1
      loading = null
      const kept = back && wallsKept.get(data.query)
      const items = kept ? kept.items : data.takes
      wall.query = data.query
      wall.total = null
      wall.cursor = kept ? kept.cursor : data.next_cursor
      for (const all of [known, guests, left]) all.clear()
      items.forEach(card => known.set(card.id, card.got ? card : arrived(card)))
      line = kept ? kept.line : items.map(card => card.id)
      if (kept) kept.left.forEach((card, id) => left.set(id, card))
      lay()
      wall.chooseNone()
      if (kept) wall.settle(data.takes)
      tell("items")
    },
    // Remember this list for Back.
    keep() {
      if (!wall.query && !wall.items.length) return
      wallsKept.delete(wall.query)
      wallsKept.set(wall.query, { items: wall.items, cursor: wall.cursor, line, left: new Map(left) })
      while (wallsKept.size > WALLS_KEPT) wallsKept.delete(wallsKept.keys().next().value)
    },
    // The next page; false at the end.
    more(limit = WALL_BATCH) {
      if (wall.cursor === null) return Promise.resolve(false)
      const asked = era
      loading ??= askWall(wall.link(`wall/takes?${wall.pairs({ cursor: wall.cursor, limit })}`))
        .then(page => {
          if (asked !== era) return false
          const stands = new Set(line), fresh = page.items.filter(card => !known.has(card.id))
          fresh.forEach(card => { known.set(card.id, arrived(card)); left.delete(card.id) })
          line = [...line, ...fresh.map(card => card.id).filter(id => !stands.has(id))]
          wall.cursor = page.next_cursor
          lay()
          tell("items")
          return true
        })
        .finally(() => { if (asked === era) loading = null })
      return loading
    },
    // The newest ones, in the place of those that are here.
    async reload() {
      const query = wall.query
      const page = await askWall(wall.link(`wall/takes?${wall.pairs({ limit: WALL_BATCH })}`))
      if (query === wall.query) wall.begin({ query, takes: page.items, next_cursor: page.next_cursor }, false)
    },
    async count() {
      const query = wall.query
      const page = await askWall(wall.link(`wall/takes?${wall.pairs({ limit: 1, count: 1 })}`))
      if (query === wall.query) wall.total = page.total ?? null
      return wall.total
    },
    pairs(more = {}) {
      const pairs = new URLSearchParams(wall.query)
      Object.entries(more).forEach(([name, value]) => pairs.set(name, value))
      return pairs.toString()
    },
    // Cards as they are now, by whichever way they came: the newer version wins, for equal ones the later.
    merge(cards) {
      const changed = []
      for (const card of cards) {
        const here = cardOf(card.id)
        if (!here || waiting.get(card.id) || (card.version ?? 0) < (here.version ?? 0)) continue
        renew(here, card)
        changed.push(card.id)
      }
      if (changed.length) tell("changed", changed)
    },
    // The same, and those that came into the trash since, or out of it, leave this list or come back to it.
    settle(cards) {
      wall.merge(cards)
      const stays = card => Boolean(card.trashed) === Boolean(wall.trashed)
      wall.remove(cards.filter(card => !stays(card) && card.version >= known.get(card.id)?.version).map(card => card.id))
      // What is told late, of before it left, doesn't bring it back.
      wall.putBack(cards.filter(card => stays(card) && card.version > left.get(card.id)?.version))
    },
    // Change what people think of takes: at once on the screen, then on the server, in order; undone by Z.
    change(ids, set) {
      const cards = ids.map(wall.byId).filter(Boolean)
      if (!cards.length) return Promise.resolve(false)
      const step = { ids: cards.map(card => card.id), before: cards.map(card => asItWas(card, set)) }
      steps.push(step)
      if (steps.length > UNDO_STEPS) steps.shift()
      const kept = put(step.ids, step.ids.map(() => set), step, () => forget(step))
      if (isBulk(step.ids, set)) step.doing = kept.then(() => { step.doing = null })
      return kept
    },
    // The last change is taken back; false: there was none; null: it failed, as was said.
    undo() {
      const step = steps.pop()
      if (!step) return Promise.resolve(false)
      // It is still being done: what undoes it is known then.
      if (step.doing) return step.doing.then(() => (step.undo?.length ? steps.push(step) && wall.undo() : null))
      if (step.undo === undefined && step.before) return put(step.ids, step.before, null, () => steps.push(step)).then(done => done || null)
      return inTurn(async () => {
        const left = [step.undo].flat()
        try {
          for (; left.length; left.pop()) await askWall(wall.link("wall/bulk/undo"), "POST", { undo: left.at(-1) })
        } catch (error) {
          // Not reached is not refused: it can be tried again.
          if (!error.status) steps.push({ ...step, undo: left })
          throw error
        }
        if (step.moved) moveTo(step.moved, !step.trash)
        await refresh(step.ids)
        if (step.moved && step.trash) await admit(step.moved)
        return true
      })
    },
    // Do something with these, or with all that are chosen: body as of the API's bulk, without saying with which.
    act(body, { ids = wall.chosen(), all = wall.everything, progress = () => {} } = {}) {
      const done = { matched: 0, changed: 0, skipped: [], undo: [] }
      const step = { ids: all ? wall.items.map(card => card.id) : ids, undo: done.undo, trash: Boolean(body.trash) }
      steps.push(step)
      const told = doStep(step, done, body, all ? [{ filter: wall.filter() }] : inParts(ids), progress)
      step.doing = told.catch(() => {}).then(() => {
        step.doing = null
        if (!step.undo.length) forget(step)
      })
      return told
    },
    // They leave the list, which remembers where they stood.
    remove(ids) {
      const gone = ids.filter(id => known.has(id))
      if (!gone.length) return
      gone.forEach(id => { left.set(id, known.get(id)); known.delete(id); wall.select.delete(id) })
      lay()
      tell("removed", gone)
      tell("select")
    },
    // Those of these cards that had left come back to where they stood.
    putBack(cards) {
      const back = cards.filter(card => left.has(card.id))
      if (!back.length) return
      for (const card of back) {
        known.set(card.id, renew(left.get(card.id), card))
        left.delete(card.id)
        guests.delete(card.id)
      }
      lay()
      tell("items")
    },
    // Somebody looks at this take, wherever it is.
    meet(card) {
      if (!known.has(card.id)) guests.set(card.id, arrived(card))
      return card
    },
    filter() {
      const pairs = new URLSearchParams(wall.query), named = {}
      for (const name of new Set(pairs.keys())) {
        const all = pairs.getAll(name)
        named[name] = all.length > 1 ? all : all[0]
      }
      return named
    },
    chosen: () => wall.items.filter(card => wall.select.has(card.id)).map(card => card.id),
    choose(ids, on = true) {
      wall.everything = null
      ids.forEach(id => (on ? wall.select.add(id) : wall.select.delete(id)))
      tell("select")
    },
    chooseOnly(ids) {
      wall.everything = null
      wall.select = new Set(ids)
      tell("select")
    },
    chooseNone() {
      wall.everything = null
      wall.select.clear()
      tell("select")
    },
    // Everything that this filter finds, also what was never loaded.
    async chooseAll() {
      const total = await wall.count()
      wall.items.forEach(card => wall.select.add(card.id))
      if (wall.cursor !== null) wall.everything = { total }
      tell("select")
    },
  }

  const forget = step => { if (steps.includes(step)) steps.splice(steps.indexOf(step), 1) }
  // What the team had decided, who and when, comes back as it was: the server keeps it, a card doesn't tell all of it.
  const isBulk = (ids, set) => ids.length > 1 || "review" in set
  const doStep = async (step, done, body, parts, progress) => {
    for (const [at, which] of parts.entries()) {
      if (parts.length > 1) progress(at / parts.length)
      const told = await inTurn(() => askWall(wall.link("wall/bulk"), "POST", { ...which, ...body }))
      done.matched += told.matched
      done.changed += told.changed
      done.skipped.push(...(told.skipped ?? []))
      if (told.undo) done.undo.push(told.undo)
    }
    const skipped = new Set(done.skipped.map(one => one.id))
    if (body.trash || body.restore) {
      step.moved = step.ids.filter(id => !skipped.has(id))
      moveTo(step.moved, step.trash)
    }
    await refresh(step.ids)
    if (body.restore) await admit(step.moved)
    return { ...done, undo: done.undo.length > 0 }
  }
  // These are in the trash now, or out of it.
  const moveTo = (ids, trashed) => {
    if (trashed !== Boolean(wall.trashed)) return wall.remove(ids)
    wall.putBack(ids.map(id => left.get(id)).filter(Boolean).map(card => ({ ...card, trashed })))
  }
  // Takes that this list has never shown (they were in the trash when it was read) stand in it if they belong there.
  const admit = async ids => {
    const query = wall.query, some = wall.trashed ? [] : ids.filter(id => !known.has(id)).slice(0, 200)
    if (!some.length) return
    const page = await askWall(wall.link(`wall/takes?${wall.pairs({ ids: some.join(","), limit: some.length })}`))
    if (query !== wall.query) return
    for (const card of page.items) {
      const at = placeInLine(card.id)
      if (known.has(card.id) || at === null) continue
      known.set(card.id, arrived(card))
      guests.delete(card.id)
      line = [...line.slice(0, at), card.id, ...line.slice(at)]
    }
    lay()
    tell("items")
  }
  // By age; in another order, which a card doesn't tell, first. null: behind what was loaded, with which it comes.
  const placeInLine = id => {
    if (!["newest", "oldest"].includes(wall.sort)) return 0
    const at = line.findIndex(one => (wall.sort === "newest" ? one < id : one > id))
    return at >= 0 ? at : wall.cursor === null ? line.length : null
  }
  const inTurn = work => {
    const turn = sending.then(work)
    sending = turn.catch(() => {})
    return turn
  }
  const inParts = ids => {
    const parts = []
    for (let at = 0; at < ids.length; at += BULK_IDS) parts.push({ ids: ids.slice(at, at + BULK_IDS) })
    return parts
  }
  const wait = (ids, by) => ids.forEach(id => waiting.set(id, (waiting.get(id) ?? 0) + by))
  const refresh = async ids => {
    const some = ids.filter(cardOf).slice(0, 200)
    if (!some.length) return
    const page = await askWall(wall.link(`wall/takes?${new URLSearchParams({ ids: some.join(","), limit: 200 })}`))
    wall.merge(page.items)
  }
  const put = async (ids, sets, step, back) => {
    const were = ids.map(id => ({ ...cardOf(id) }))
    ids.forEach((id, at) => cardOf(id) && Object.assign(cardOf(id), changedCard(cardOf(id), sets[at], wall.me)))
    tell("changed", ids)
    wait(ids, 1)
    try {
      await inTurn(async () => {
        if (step && isBulk(ids, sets[0])) {
          const done = await askWall(wall.link("wall/bulk"), "POST", { ids, set: sets[0] })
          step.undo = [done.undo].filter(Boolean)
          const skipped = done.skipped ?? []
          if (!skipped.length) return
          skipped.forEach(one => cardOf(one.id) && Object.assign(cardOf(one.id), were[ids.indexOf(one.id)]))
          wall.toast(`${skipped.length} left as before: ${skipped[0].why}`)
          return
        }
        for (const [at, id] of ids.entries()) {
          const card = await askWall(wall.link(`wall/takes/${encodeURIComponent(id)}`), "PATCH", sets[at])
          if (waiting.get(id) === 1 && cardOf(id)) renew(cardOf(id), card)
        }
      })
      return true
    } catch (error) {
      back()
      ids.forEach((id, at) => cardOf(id) && Object.assign(cardOf(id), were[at]))
      wall.toast(error.message, { tone: "red" })
      return false
    } finally {
      wait(ids, -1)
      tell("changed", ids)
    }
  }
  return wall
}
