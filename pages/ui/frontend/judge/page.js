// Side by side is what people expect; one above the other has to be so much larger.
const STACKED_GAIN = 1.3

// What of judging is drawn and heard, and its place on the page.
Object.assign(Judge.prototype, {
  draw() {
    const { parts, told, current } = this
    setText(parts.question, told?.criterion.question ?? "")
    setText(parts.far, told ? farWords(told.progress) : "")
    setText(parts.sighted, told?.progress.sighted && !told.closed
      ? "You have seen which take is which, so your answers are kept apart from those of people who have not." : "")
    parts.choices.hidden = this.scores
    parts.swipe.hidden = this.scores || this.done.length > 0  // who has answered knows how
    parts.scores.hidden = !this.scores
    if (this.scores) drawScores(parts, told.criterion.anchors)
    parts.wipe.hidden = this.scores
    this.root.classList.toggle("empty", !current)
    parts.undo.disabled = !this.done.length
    this.drawPlay()
  },

  drawPlay() {
    const { paused } = this.transport
    setText(this.parts.play.firstChild, paused ? "play_arrow" : "pause")
  },

  drawUnseen() {
    const { left, right } = this.parts
    ;[left, right].forEach((side, place) => setText(side.broken, whyUnseen(this.current?.films[place])))
  },

  drawUnsent(number, error) {
    const signedOut = error?.status === 401
    const goes = number === 1 ? "it goes by itself" : "they go by themselves"
    const why = signedOut ? "your session has ended; sign in again in another tab" : `${goes} when Dailies can be reached`
    setText(this.parts.unsent, error ? `${number} answer${number === 1 ? "" : "s"} kept in this browser: ${why}` : "")
    this.root.dataset.unsent = number
    if (error) this.late = true
    this.countAnew()
  },

  // What came late may have been counted here and on the server.
  countAnew() {
    if (!this.late || this.asking || this.outbox.list().length) return
    this.late = false
    this.ask()
  },

  notice(title, why = "", again = false) {
    const { parts } = this
    parts.notice.hidden = !title
    setText(parts.noticeTitle, title)
    setText(parts.noticeWhy, why)
    parts.again.hidden = !again
  },

  noticeOf(error) {
    if (error.status === 401) {
      return this.notice("Your session has ended", "Sign in again in another tab; what you answered is kept, and this page goes on.")
    }
    if (error.status === 403) return this.notice("You can't judge this", error.message)
    if (error.status === 404) return this.notice("There is nothing to judge here", "The link is wrong, or it is not yours to see. Ask whoever sent it.")
    this.notice("Dailies can't be reached just now", "What you answered is kept in this browser. This page goes on by itself.")
  },

  noticeEnd() {
    const { closed, progress } = this.told
    if (closed) return this.notice("This experiment is closed", "Thank you. What you chose counts; nothing is added to it any more.")
    this.lookAgain(LOOK_AGAIN_MS)
    if (!progress.judgeable) {
      return this.notice("Nothing to judge yet", "Two prompts with a finished take each are needed. Takes come here by themselves.")
    }
    this.notice("You have judged every pair", "More takes, or another person's eyes, help more now. New pairs come here by themselves.", !this.scores)
  },

  // Side by side or one above the other: whichever shows them larger.
  lay() {
    this.fit()
    const { panes } = this.parts, films = this.current?.films ?? []
    const width = panes.clientWidth, height = panes.clientHeight
    if (!width || !films.length) return
    const shape = Math.max(...films.map(film => (film.videoWidth || 16) / (film.videoHeight || 9)))
    const beside = Math.min(width / 2, height * shape), stacked = Math.min(width, height / 2 * shape)
    panes.classList.toggle("stacked", films.length > 1 && stacked > STACKED_GAIN * beside)
  },

  // As high as the window leaves room for, so that answers stand on the same screen as the films.
  fit() {
    const main = this.root.getRootNode().host?.closest("[data-testid=stMain]")
    const top = this.root.getBoundingClientRect().top + (main?.scrollTop ?? 0), below = innerWidth <= 640 ? 66 : 16
    this.root.style.height = `max(26rem, ${Math.round(innerHeight - top - below)}px)`
  },
})

const farWords = ({ mine, all, about }) => {
  const yours = all === mine ? "" : ` · ${mine} yours`
  return all < about ? `${all} of about ${about} answers${yours}` : `${all} answer${all === 1 ? "" : "s"}${yours}`
}

// A finger that goes to the better one; a tap plays or pauses.
const hearSwipes = judge => {
  const { panes } = judge.parts
  let from = null
  const way = event => {
    const x = event.clientX - from.x, y = event.clientY - from.y
    if (Math.max(Math.abs(x), Math.abs(y)) < SWIPE_PX) return ""
    return Math.abs(x) > Math.abs(y) ? (x < 0 ? "ArrowLeft" : "ArrowRight") : (y < 0 ? "ArrowUp" : "ArrowDown")
  }
  const mark = name => { panes.dataset.way = name }
  panes.addEventListener("pointerdown", event => {
    if (event.pointerType === "mouse" || !event.isPrimary) return
    from = { x: event.clientX, y: event.clientY }
    panes.setPointerCapture(event.pointerId)
  })
  panes.addEventListener("pointermove", event => { if (from && event.isPrimary) mark(judge.scores ? "" : way(event)) })
  panes.addEventListener("pointerup", event => {
    if (!from || !event.isPrimary) return
    const name = way(event)
    from = null
    mark("")
    if (!name) judge.toggle()
    else if (!judge.scores) judge.key(name)
  })
  panes.addEventListener("pointercancel", () => { from = null; mark("") })
  panes.addEventListener("click", event => { if (event.pointerType === "mouse") judge.toggle() })
}

const buildJudgePage = parent => {
  const judge = new Judge(), host = el("div", "root")
  host.append(judge.root)
  parent.append(host)
  return { judge, host }
}

export default function ({ data, parentElement }) {
  const place = placeOf(parentElement, buildJudgePage), { judge } = place
  judge.open(data)
  place.ends?.abort()
  place.ends = new AbortController()
  addEventListener("keydown", event => {
    const path = event.composedPath()
    const forPage = path.includes(place.host) || path[0] === document.body
    if (event.defaultPrevented || !forPage) return
    if (event.repeat && !/^[,.]$/.test(event.key)) {  // a key that is held down answers one pair
      if (/^Arrow/.test(event.key)) event.preventDefault()
      return
    }
    if (!keyFor(judge, event)) return
    event.preventDefault()
    event.stopImmediatePropagation()
  }, { capture: true, signal: place.ends.signal })
  return () => {
    place.ends.abort()
    whenGone(place.host, () => judge.destroy())
  }
}
