// One take after another over the wall: looked at, judged and left by keys alone. The wall stays as it is.
const MORE_BEFORE_END = 6
const GO_ON = "dailies.go-on"
const LIGHT_KEYS = [
  ["← →", "The take before, the next one"], ["Space", "Play or pause"], [", .", "One frame back or on"],
  ["< >", "Slower, faster"], ["L", "Loop"], ["M", "Sound"], ["F", "Pick"], ["X", "Reject"],
  ["1 – 5", "Rate; the same again takes it back"], ["Z", "Undo"], ["A", "Go on after each verdict"],
  ["C", "Compare with the next, or what is selected"], ["D", "Download"], ["I", "Details, note and tags"],
  ["Del", "To the trash"], ["Esc", "Back to the wall"],
]

class Lightbox {
  // how: compare, leave and moved, called with ids where one is needed; seen, with the cards that are shown.
  constructor(wall, how) {
    Object.assign(this, { wall, how, order: new TakeOrder(), stages: new Map(), open: false, ticket: 0 })
    this.goesOn = readChoice(GO_ON, "off") === "on"
    this.transport = new Transport()
    this.sound = makeSound(this.transport)
    this.details = makeDetails(wall, words => this.say(words))
    this.parts = buildLightbox(this)
    this.root = this.parts.root
    this.stops = [
      wall.on("items", () => { if (this.open) { this.order.join(wall.items); this.draw() } }),
      wall.on("changed", ids => this.refresh(ids)),
      wall.on("removed", ids => this.removed(ids)),
    ]
    this.timer = setInterval(() => { if (this.open) this.stages.forEach(tickStage) }, 1000)
  }

  get card() { return this.order.card }

  get id() { return this.card?.id }

  // The next one that there is something to see of, else the one before.
  get neighbour() {
    const { ids, at } = this.order, seen = id => this.order.cardOf(id).player
    return ids.slice(at + 1).find(seen) ?? ids.slice(0, Math.max(0, at)).findLast(seen)
  }

  // Opens at this take, wherever it is. Throws where it is nowhere.
  async show(id) {
    const ticket = ++this.ticket
    if (!this.open) this.order.clear()
    this.order.join(this.wall.items)
    if (!this.order.has(id)) {
      const card = await askTake(this.wall, id)
      if (ticket !== this.ticket) return
      this.order.putFirst(card)
    }
    this.open = true
    await this.showAt(this.order.ids.indexOf(id))
  }

  hide() {
    this.ticket += 1
    this.open = false
    this.shown = null
    this.transport.load([])
    this.stages.forEach((stage, id) => this.drop(id))
    setText(this.parts.message, "")
    this.parts.help.hidden = true
  }

  async showAt(place) {
    if (place < 0 || place >= this.order.ids.length) return
    this.order.at = place
    this.transport.stop()
    this.draw()
    this.how.moved(this.card.id)
    if (place >= this.order.ids.length - MORE_BEFORE_END) await this.more()
  }

  more() { return this.wall.more().catch(problem => this.say(problem.message, "red")) }

  async turn(step) {
    const place = this.order.at + step
    if (place >= this.order.ids.length) await this.more()
    if (place < 0) this.say("This is the first one")
    else if (place >= this.order.ids.length) this.say("That was the last one")
    else await this.showAt(place)
  }

  draw() {
    const { card, order } = this, near = order.near
    this.stages.forEach((stage, id) => { if (!near.includes(id)) this.drop(id) })
    const here = this.stageOf(card), before = here.media
    for (const id of near) {
      const stage = this.stageOf(order.cardOf(id))
      drawStage(stage, order.cardOf(id))
      stage.root.classList.toggle("away", stage !== here)
      stage.root.inert = stage !== here
    }
    if (here.media !== before || this.shown !== card.id) this.play(here)
    this.shown = card.id
    drawLightbox(this)
    this.how.seen([card])
    if (!this.details.root.hidden) this.details.draw(card)
  }

  play(stage) {
    const { transport, parts } = this
    const plays = stage.media && stage.broken < 2
    transport.load(plays ? [stage.media] : [], stage.card.fps)
    this.sound.apply()
    parts.controls.bar.classList.toggle("idle", !plays)
    transport.wants = false
    if (plays && !lessMotion.matches) transport.play()
    else transport.tell()
  }

  stageOf(card) {
    if (!this.stages.has(card.id)) {
      const stage = makeStage({
        fresh: id => askTake(this.wall, id).catch(() => null),
        changed: () => { if (stage.card.id === this.card?.id) this.play(stage) },
        restore: () => this.trash(stage.card, { restore: true }),
        retry: () => this.retry(stage.card),
      })
      this.stages.set(card.id, stage)
      this.parts.screen.append(stage.root)
    }
    return this.stages.get(card.id)
  }

  drop(id) {
    const stage = this.stages.get(id)
    dropMedia(stage)
    stage.root.remove()
    this.stages.delete(id)
  }

  refresh(ids) {
    ids.map(this.wall.byId).filter(card => card && this.order.has(card.id)).forEach(card => this.order.keep(card))
    if (this.open) this.draw()
  }

  // It left the wall: into the trash, or out of it. Takes that are near are asked for what became of them.
  async removed(ids) {
    const near = ids.filter(id => this.stages.has(id))
    const now = await Promise.all(near.map(id => askTake(this.wall, id).catch(() => null)))
    now.filter(Boolean).forEach(card => this.order.keep(card))
    if (this.open) this.draw()
  }

  give(set) {
    const { card } = this
    if ("review" in set && !card.may?.change) {
      this.say("Only whoever made it, or a reviewer, rejects this take.", "red")
      return
    }
    this.say(`${verdictWords(set)}${undoHint()}`)
    this.wall.change([card.id], set)
    if (this.goesOn && Object.values(set).some(value => value && value !== "none")) this.turn(1)
  }

  undo() { return undoIn(this.wall, (words, tone) => this.say(words, tone)) }

  // body: trash or restore, as of the API's bulk.
  async trash(card, body) {
    try {
      const done = await this.wall.act(body, { ids: [card.id], all: null })
      if (done.skipped?.length) throw new Error(done.skipped[0].why)
    } catch (problem) {
      return this.say(problem.message, "red")
    }
    this.say(body.trash ? `In the trash${undoHint()}` : "Restored")
    await this.removed([card.id])
    if (body.trash) await this.turn(1)
  }

  toTrash() { if (this.card.may?.trash) this.trash(this.card, { trash: true }) }

  // It is paid: the button has said how much.
  async retry(card) {
    try {
      const done = await this.wall.act({ retry: true }, { ids: [card.id], all: null })
      if (done.skipped?.length) throw new Error(done.skipped[0].why)
      this.say("Saved as a new take; it comes as new on the wall")
    } catch (problem) {
      this.say(problem.message, "red")
    }
  }

  download() {
    if (!this.card.download) return this.say("There is no file of it yet.", "red")
    const link = Object.assign(el("a"), { href: this.card.download, download: "" })
    this.root.append(link)
    link.click()
    link.remove()
  }

  toggleDetails() {
    const { root } = this.details
    root.hidden = !root.hidden
    markPressed(this.parts.detailsKey, !root.hidden)
    if (!root.hidden) this.details.draw(this.card)
  }

  toggleHelp() {
    const { help, helpKey } = this.parts
    help.hidden = !help.hidden
    markPressed(helpKey, !help.hidden)
  }

  toggleGoOn() {
    this.goesOn = !this.goesOn
    keepChoice(GO_ON, this.goesOn ? "on" : "off")
    markPressed(this.parts.goOn, this.goesOn)
    this.say(this.goesOn ? "Goes on to the next after each verdict" : "Stays after a verdict")
  }

  say(words, tone = "") { sayIn(this.parts.message, words, tone) }

  // What a key does; false: it is none of ours.
  key(name) {
    const acts = {
      ArrowLeft: () => this.turn(-1), ArrowRight: () => this.turn(1),
      Home: () => this.showAt(0), End: () => this.showAt(this.order.ids.length - 1),
      Escape: () => (this.parts.help.hidden ? this.how.leave() : this.toggleHelp()),
      z: () => this.undo(), c: () => this.how.compare(), d: () => this.download(), i: () => this.toggleDetails(),
      h: () => this.toggleHelp(), a: () => this.toggleGoOn(),
      Delete: () => this.toTrash(),
    }
    const set = verdictOf(this.card, name)
    if (acts[name]) acts[name]()
    else if (set) this.give(set)
    else return playerKey(name, this.transport, this.sound)
    return true
  }

  destroy() {
    clearInterval(this.timer)
    this.stops.forEach(stop => stop())
    this.hide()
    this.transport.destroy()
  }
}
