// Two to six takes in one player: one clock, one bar. Which is which can be hidden, and their places shuffled.
const COMPARE_MAX = 6
const COMPARE_CAPTION_PX = 44
const LETTERS = ["A", "B", "C", "D", "E", "F"]
const COMPARE_KEYS = [
  ["← →", "The take to judge"], ["Space", "Play or pause"], [", .", "One frame back or on"], ["< >", "Slower, faster"],
  ["L", "Loop"], ["M", "Sound"], ["F", "Pick"], ["X", "Reject"], ["1 – 5", "Rate"], ["Z", "Undo"],
  ["B", "Hide or show which is which"], ["S", "Shuffle"], ["W", "Wipe between two"], ["Esc", "Back"],
]

class Comparison {
  // how: leave, and titled: called with how it is called once labels are hidden or shown; seen: with the cards.
  constructor(wall, how) {
    Object.assign(this, { wall, how, panes: [], blind: false, wiping: null, focus: 0, open: false, ticket: 0 })
    this.transport = new Transport()
    this.sound = makeSound(this.transport)
    this.parts = buildCompare(this)
    this.root = this.parts.root
    this.stops = [
      wall.on("changed", ids => this.refresh(ids)),
      wall.on("removed", ids => this.removed(ids)),
    ]
    this.sized = new ResizeObserver(() => this.lay())
    this.sized.observe(this.parts.panes)
    this.timer = setInterval(() => this.panes.forEach(pane => tickStage(pane.stage)), 1000)
  }

  get ids() { return this.panes.map(pane => pane.card.id) }

  get focused() { return this.panes[this.focus] }

  // Throws where fewer than two of them are there.
  async show(ids) {
    const ticket = ++this.ticket
    const wanted = [...new Set(ids)].slice(0, COMPARE_MAX)
    const found = await Promise.all(wanted.map(id => this.wall.byId(id) ?? askTake(this.wall, id).catch(() => null)))
    if (ticket !== this.ticket) return
    const cards = found.filter(Boolean)
    if (cards.length < 2) throw new Error("To compare, two takes at least are needed that are there.")
    this.showCards(cards)
    const missing = wanted.length - cards.length
    if (missing) this.say(`${missing} of ${wanted.length} takes aren't there, or aren't yours to see.`, "red")
  }

  showCards(cards) {
    this.hide()
    this.open = true
    this.panes = cards.map(card => makePane(this, card))
    this.parts.panes.replaceChildren(...this.panes.map(pane => pane.root))
    this.draw()
    this.load()
  }

  hide() {
    this.open = false
    this.wiping = null
    this.focus = 0
    this.transport.load([])
    this.panes.forEach(pane => dropMedia(pane.stage))
    this.panes = []
    this.parts.panes.replaceChildren()
    setText(this.parts.message, "")
    this.parts.help.hidden = true
  }

  // All that plays on one clock; it starts once each has its first frame.
  load() {
    const media = this.panes.map(pane => pane.stage.media).filter(node => node && !node.error)
    this.transport.load(media, Math.max(...this.panes.map(pane => pane.card.fps ?? 24)))
    this.sound.apply()
    this.parts.controls.bar.classList.toggle("idle", !media.length)
    if (!lessMotion.matches) this.transport.play()
  }

  draw() {
    const { parts, panes } = this
    panes.forEach((pane, place) => drawPane(this, pane, place))
    drawCompare(this)
    this.how.seen?.(panes.map(pane => pane.card))
    parts.differences.hidden = this.blind
    if (!this.blind) drawDifferences(parts.differences, panes.map(pane => pane.card), LETTERS.slice(0, panes.length))
    this.lay()
  }

  lay() {
    const { panes } = this.parts
    if (!this.panes.length || !panes.clientWidth) return
    const shapes = this.panes.map(pane => (pane.card.width || 16) / (pane.card.height || 9))
    panes.style.setProperty("--columns", this.wiping ? 1 : bestColumns(shapes, panes.clientWidth, panes.clientHeight))
  }

  judge(place) {
    this.focus = (place + this.panes.length) % this.panes.length
    this.draw()
  }

  // Only what can be heard is on: the one that is looked at.
  hear(place) {
    const heard = this.sound.on && this.sound.from === this.transport.nodes.indexOf(this.panes[place].stage.media)
    this.sound.from = Math.max(0, this.transport.nodes.indexOf(this.panes[place].stage.media))
    if (heard || !this.sound.on) this.sound.toggle()
    else this.sound.apply()
    this.draw()
  }

  hideLabels() {
    this.blind = !this.blind
    this.say(this.blind ? "Which is which is hidden" : "Shown again")
    this.draw()
  }

  shuffle() {
    const before = this.ids.join()
    for (let place = this.panes.length - 1; place > 0; place -= 1) {
      const other = Math.floor(Math.random() * (place + 1))
      ;[this.panes[place], this.panes[other]] = [this.panes[other], this.panes[place]]
    }
    if (!this.blind && this.ids.join() === before) this.panes.push(this.panes.shift())
    this.panes.forEach((pane, place) => { pane.root.style.order = place })
    this.focus = 0
    if (this.wiping) this.wiping = [0, 1]
    this.draw()
  }

  wipe() {
    this.wiping = this.wiping ? null : [this.focus, (this.focus + 1) % this.panes.length].sort()
    this.draw()
  }

  refresh(ids) {
    this.panes.filter(pane => ids.includes(pane.card.id)).forEach(pane => { pane.card = this.wall.byId(pane.card.id) ?? pane.card })
    if (this.open) this.draw()
  }

  async removed(ids) {
    for (const pane of this.panes.filter(one => ids.includes(one.card.id))) {
      pane.card = await askTake(this.wall, pane.card.id).catch(() => pane.card)
    }
    if (this.open) this.draw()
  }

  give(set) {
    const { card } = this.focused
    if ("review" in set && !card.may?.change) {
      this.say("Only whoever made it, or a reviewer, rejects this take.", "red")
      return
    }
    this.say(`${LETTERS[this.focus]}: ${verdictWords(set)}${undoHint()}`)
    this.wall.change([card.id], set)
  }

  undo() { return undoIn(this.wall, (words, tone) => this.say(words, tone)) }

  async share() {
    const address = this.wall.link(`compare?takes=${this.ids.map(encodeURIComponent).join(",")}`)
    try {
      await navigator.clipboard.writeText(address)
      this.say("The address is copied")
    } catch {
      this.say(address)
    }
  }

  toggleHelp() { this.parts.help.hidden = !this.parts.help.hidden }

  say(words, tone = "") { sayIn(this.parts.message, words, tone) }

  key(name) {
    const acts = {
      ArrowLeft: () => this.judge(this.focus - 1), ArrowRight: () => this.judge(this.focus + 1),
      Escape: () => (this.parts.help.hidden ? this.how.leave() : this.toggleHelp()),
      z: () => this.undo(), b: () => this.hideLabels(), s: () => this.shuffle(), w: () => this.wipe(), h: () => this.toggleHelp(),
      c: () => this.how.leave(),
    }
    const set = verdictOf(this.focused.card, name)
    if (acts[name]) acts[name]()
    else if (set) this.give(set)
    else return playerKey(name, this.transport, this.sound)
    return true
  }

  destroy() {
    clearInterval(this.timer)
    this.sized.disconnect()
    this.stops.forEach(stop => stop())
    this.hide()
    this.transport.destroy()
  }
}

// How many stand in a row so that all together are as large as can be.
const bestColumns = (shapes, width, height) => {
  const area = columns => {
    const w = width / columns, h = height / Math.ceil(shapes.length / columns) - COMPARE_CAPTION_PX
    return shapes.reduce((sum, shape) => sum + Math.min(w, h * shape) ** 2 / shape, 0)
  }
  return shapes.map((_, place) => place + 1).reduce((best, columns) => area(columns) > area(best) * 1.001 ? columns : best, 1)
}
