// Judging: two films of which nothing is told, a key, the next two. The next eight pairs are there before they are
// asked for; answers go to the server behind its back.
const AHEAD = 8
const ASK_BELOW = 5
const KEPT_BACK = 3
const LOOK_AGAIN_MS = 15000
const SWIPE_PX = 45

class Judge {
  constructor() {
    Object.assign(this, { experiment: null, criterion: "", me: "", told: null, again: false, asking: false })
    Object.assign(this, { current: null, next: [], done: [], skipped: [] })
    this.transport = new Transport({ leads: "first", nearFrames: 0.5, farS: 0.1, most: 0.05, whole: true })
    this.parts = buildJudge(this)
    this.root = this.parts.root
    this.transport.on(() => { this.drawPlay(); this.drawUnseen() })
    this.sized = new ResizeObserver(() => this.lay())
    this.sized.observe(this.parts.panes)
    hearSwipes(this)
  }

  link(path) { return new URL(`wall/experiments/${encodeURIComponent(this.experiment)}/${path}`, new URL(".", location.href)).href }

  open({ experiment, criterion, me }) {
    if (this.experiment === experiment && this.criterion === criterion && this.me === me) return
    if (this.experiment) this.root.focus({ preventScroll: true })  // keys are for the films, not for what was chosen
    this.close()
    Object.assign(this, { experiment, criterion, me, told: null, again: false, asking: false })
    this.outbox = makeOutbox({
      name: `dailies.judge.${experiment}.${me}`,
      send: entry => this.send(entry),
      refused: (entry, error) => this.refused(entry, error),
      changed: (number, error) => this.drawUnsent(number, error),
    })
    this.late = this.outbox.list().length > 0
    this.outbox.start()
    this.notice("Looking for pairs…")
    this.ask()
  }

  close() {
    clearTimeout(this.timer)
    this.outbox?.destroy()
    this.transport.load([])
    for (const entry of [this.current, ...this.next, ...this.done.map(one => one.entry)]) entry?.films.forEach(dropFilm)
    Object.assign(this, { current: null, next: [], done: [] })
    delete this.root.dataset.pair
  }

  // Pairs are asked for ahead; those that are here, or answered and not sent yet, come again and are left out.
  async ask() {
    clearTimeout(this.timer)
    if (this.asking) return
    this.asking = true
    const unsent = this.outbox.list(), { experiment, criterion } = this
    const query = new URLSearchParams({ n: Math.min(50, AHEAD + 1 + unsent.length), criterion, ...(this.again ? { again: 1 } : {}) })
    const gone = () => experiment !== this.experiment || criterion !== this.criterion
    try {
      const told = await askWall(this.link(`pairs?${query}`))
      if (gone()) return
      this.asking = false
      this.told = told
      this.take(told.items, unsent)
      if (!this.scores) unsent.forEach(one => this.count(one.undo ? -1 : 1))
      if (!this.current) this.advance({ asks: false })
      else this.draw()
    } catch (error) {
      if (gone()) return
      if (!this.current) this.noticeOf(error)
      if (!error.status || error.status >= 500 || PASSES.has(error.status)) this.lookAgain(3000)
    } finally {
      if (!gone()) this.asking = false
    }
    if (!gone()) this.countAnew()
  }

  lookAgain(ms) {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.ask(), ms)
  }

  // unsent: what was not sent yet when they were asked for.
  take(items, unsent) {
    const known = new Set([this.current, ...this.next].filter(Boolean).map(one => one.pair))
    for (const { vote, undo } of [...unsent, ...this.outbox.list()]) if (!undo) known.add(vote.pair)
    for (const pair of [...this.done.map(one => one.vote.pair), ...this.skipped]) known.add(pair)
    for (const item of items) {
      if (known.has(item.pair)) continue
      this.next.push({ ...item, films: [item.left, item.right].filter(Boolean).map(makeFilm) })
    }
  }

  // The next pair is shown; begun: when the key for it was pressed.
  advance({ begun = performance.now(), asks = true } = {}) {
    this.current = this.next.shift() ?? null
    if (asks && this.next.length < ASK_BELOW) this.ask()
    this.show(begun)
  }

  async show(begun) {
    const { current, parts } = this
    delete this.root.dataset.pair
    this.transport.load(current?.films ?? [])
    ;[parts.left, parts.right].forEach((side, place) => {
      const film = current?.films[place]
      side.look.replaceChildren(...(film ? [film] : []), side.broken)
      if (film) film.onerror = () => this.drawUnseen()
    })
    parts.right.root.hidden = Boolean(current) && current.films.length < 2
    this.draw()
    if (!current) return this.asking ? this.notice("Looking for pairs…") : this.noticeEnd()
    this.notice("")
    current.shownAt = performance.now()
    await Promise.all(current.films.map(film => filmHas(film, HTMLMediaElement.HAVE_CURRENT_DATA)))
    if (current !== this.current) return
    current.there = true
    this.lay()
    requestAnimationFrame(() => { this.root.dataset.nextMs = Math.round(performance.now() - begun) })
    await Promise.all(current.films.map(film => filmHas(film, HTMLMediaElement.HAVE_FUTURE_DATA)))
    if (current !== this.current) return
    current.shownAt = performance.now()
    this.root.dataset.pair = current.pair
    if (!lessMotion.matches) this.transport.play()
  }

  // what: choice and both_bad, or value.
  answer(what) {
    const begun = performance.now(), { current } = this
    if (!current?.there || ("value" in what) !== this.scores) return
    const [left, right] = current.films
    const vote = {
      pair: current.pair, key: randomKey(), took_ms: Math.round(begun - current.shownAt), ...what,
      ...(this.scores ? {} : { seen_left_ms: seenMs(left), seen_right_ms: seenMs(right) }),
    }
    this.done.push({ vote, entry: current })
    if (this.done.length > KEPT_BACK) this.done.at(-KEPT_BACK - 1).entry.films.forEach(dropFilm)
    this.outbox.add(vote)
    this.count(1)
    this.advance({ begun })
  }

  undo() {
    const last = this.done.pop()
    if (!last) return this.say("There is nothing to take back here.")
    if (!this.scores) this.outbox.undo(last.vote)  // of scores the newest counts
    if (this.current) this.next.unshift(this.current)
    const { entry } = last
    if (entry.films.some(film => !film.hasAttribute("src"))) entry.films = [entry.left, entry.right].filter(Boolean).map(makeFilm)
    this.current = entry
    this.count(-1)
    this.say("Taken back: answer it again")
    this.show(performance.now())
  }

  skip() {
    const { current } = this
    if (!current) return
    askWall(this.link("skip"), "POST", { pair: current.pair }).catch(() => {})
    current.films.forEach(dropFilm)
    this.skipped.push(current.pair)
    this.say("Skipped")
    this.advance()
  }

  judgeAgain() {
    this.again = true
    this.notice("Looking for pairs…")
    this.ask()
  }

  // A vote is told again before it is taken back: with its key it is the same one, and has its id. Where it was taken
  // back before, and the answer to that got lost, the server says so.
  async send({ vote, undo }) {
    const { key, ...answer } = vote
    const kept = await askWall(this.link("votes"), "POST", { ...answer, key }, true)
    if (undo) await askWall(this.link(`votes/${encodeURIComponent(kept.id)}`), "DELETE")
  }

  refused(entry, error) {
    if (error.status === 409 && /first answer stands|was taken back/.test(error.message)) return
    this.count(entry.undo ? 1 : -1)
    this.say(error.message, "red")
    if (error.status === 403 || /closed/.test(error.message)) {
      this.next.splice(0).forEach(one => one.films.forEach(dropFilm))
      this.current?.films.forEach(dropFilm)
      this.current = null
      this.ask()
    }
  }

  get scores() { return this.told?.criterion.kind === "score" }

  count(by) {
    const { progress } = this.told
    progress.mine = Math.max(0, progress.mine + by)
    progress.all = Math.max(0, progress.all + by)
    this.draw()
  }

  toggle() { return this.current && this.transport.toggle() }
  step(frames) { return this.current && this.transport.step(frames) }

  wipe() {
    if (this.scores) return
    const on = this.parts.panes.classList.toggle("wiping")
    this.parts.cut.hidden = !on
    markPressed(this.parts.wipe, on)
    this.lay()
  }

  toggleHelp() { this.parts.help.hidden = !this.parts.help.hidden }

  say(words, tone = "") { sayIn(this.parts.message, words, tone) }

  key(name) {
    const acts = {
      ArrowLeft: () => this.answer({ choice: "left" }), ArrowRight: () => this.answer({ choice: "right" }),
      ArrowUp: () => this.answer({ choice: "tie" }), ArrowDown: () => this.answer({ choice: "tie", both_bad: true }),
      " ": () => this.toggle(), ",": () => this.step(-1), ".": () => this.step(1), z: () => this.undo(), s: () => this.skip(),
      w: () => this.wipe(), h: () => this.toggleHelp(),
      Escape: () => { this.parts.help.hidden = true },
    }
    if (this.scores && /^[1-5]$/.test(name)) this.answer({ value: Number(name) })
    else if (acts[name]) acts[name]()
    else return false
    return true
  }

  destroy() {
    this.close()
    this.sized.disconnect()
    this.transport.destroy()
  }
}
