// One clock for whatever plays: one clip, or up to six side by side. The longest leads, or the first for as long
// as it lasts; the others are kept on its time, by a little more or less speed, and by a jump when they are far
// off. What has ended waits on its last frame until all have.
const NEAR_S = 0.006
const FAR_S = 0.3
const PULL_S = 0.2
const PULL_MAX = 0.3
const SPEEDS = [0.25, 0.5, 1, 1.5, 2]
const END_S = 0.001

class Transport {
  // leads: "longest" or "first". nearFrames: so many frames off are left alone; without it NEAR_S. farS: from
  // here on it jumps. most: the largest change of speed, as a share. whole: clips are waited for also while none plays.
  constructor({ leads = "longest", nearFrames = null, farS = FAR_S, most = PULL_MAX, whole = false } = {}) {
    Object.assign(this, { leads, nearFrames, farS, most, whole })
    this.nodes = []
    this.listeners = new Set()
    this.wants = false
    this.rate = 1
    this.loop = true
    this.fps = 24
    this.gathering = null
    this.next = null
    this.wishes = []
    this.arrivals = new Arrivals({ needs: node => this.needs(node), again: node => this.again(node) })
  }

  on(listener) {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  tell() { this.listeners.forEach(listener => listener(this)) }

  // These play from now on; what played before stops.
  load(nodes, fps) {
    this.heard?.abort()
    this.nodes.forEach(node => { if (!nodes.includes(node)) node.pause() })
    this.heard = new AbortController()
    const { signal } = this.heard
    if (!nodes.every(node => this.nodes.includes(node))) this.wishes = []
    this.nodes = [...nodes]  // one that is given twice is on its way anew
    this.arrivals.watch(this.nodes)
    this.fps = fps || 24
    this.gathering = this.next = null
    for (const node of nodes) {
      node.loop = this.loop && nodes.length === 1
      node.playbackRate = node.defaultPlaybackRate = this.rate
      node.addEventListener("loadedmetadata", () => this.wishes.splice(0).forEach(wish => wish()), { signal })
      for (const name of ["loadedmetadata", "timeupdate", "seeked", "volumechange", "givenup", "came", "unplayable"]) {
        node.addEventListener(name, () => this.tell(), { signal })
      }
      for (const name of ["play", "pause"]) node.addEventListener(name, () => this.follow(node), { signal })
      node.addEventListener("ended", () => this.ended(), { signal })
    }
    this.tell()
  }

  // Those that the others go by: one that doesn't come holds nobody up.
  get going() {
    const going = this.nodes.filter(node => !givenUp.has(node))
    return going.length ? going : this.nodes
  }

  get longest() {
    const { going } = this
    return going.reduce((best, node) => (node.duration || 0) > (best?.duration || 0) ? node : best, going[0])
  }

  get lead() {
    const { going: [first], longest } = this
    return this.leads === "first" && !(longest?.currentTime >= first?.duration - END_S) ? first : longest
  }

  get length() { return Number.isFinite(this.longest?.duration) ? this.longest.duration : 0 }

  get at() { return this.next ?? this.gathering ?? this.lead?.currentTime ?? 0 }

  get paused() { return !this.wants }

  set speed(rate) {
    this.rate = rate
    this.nodes.forEach(node => { node.playbackRate = node.defaultPlaybackRate = rate })
    this.tell()
  }

  get speed() { return this.rate }

  faster(steps) {
    const place = SPEEDS.indexOf(this.rate) + steps
    this.speed = SPEEDS[Math.min(Math.max(place, 0), SPEEDS.length - 1)]
  }

  set looping(loop) {
    this.loop = loop
    this.nodes.forEach(node => { node.loop = loop && this.nodes.length === 1 })
    this.tell()
  }

  get looping() { return this.loop }

  toggle() { return this.wants ? this.pause() : this.play() }

  async play() {
    if (!this.nodes.length) return
    this.wants = true
    if (this.length && this.at >= this.length - END_S) await this.seek(0)
    else if (this.nodes.length > 1 && !this.gathering) await this.seek(this.at)
    else this.start()
    this.tell()
  }

  // One that plays alone is also paused by others: a key of the keyboard, a call, the browser itself. One that failed
  // stops, too: nobody wanted that.
  follow(node) {
    if (this.nodes.length === 1 && !node.ended && !node.error) this.wants = !node.paused
    this.tell()
  }

  // Several stop on the same frame.
  pause() {
    this.wants = false
    this.stop()
    if (this.nodes.length > 1 && !this.gathering) this.seek(this.at)
    this.tell()
  }

  stop() {
    cancelAnimationFrame(this.ticking)
    this.nodes.forEach(node => node.pause())
  }

  start() {
    for (const node of this.nodes) {
      if (this.isOver(node)) continue
      node.play().catch(problem => this.refused(node, problem))
    }
    cancelAnimationFrame(this.ticking)
    if (this.nodes.length > 1) this.ticking = requestAnimationFrame(() => this.tick())
  }

  // A browser that plays nothing with sound before the first click plays it without.
  refused(node, problem) {
    if (problem.name === "NotAllowedError" && !node.muted) {
      node.muted = true
      node.play().catch(() => {})
    } else if (problem.name === "NotAllowedError") {
      this.wants = false
      this.tell()
    }
  }

  // All go there, wait for one another, and go on together. While they are on their way the latest wish counts.
  async seek(to) {
    const wanted = Math.min(Math.max(0, to), Math.max(0, this.length))
    if (this.gathering !== null) {
      this.next = wanted
      this.tell()
      return
    }
    this.gathering = wanted
    const { nodes } = this
    if (nodes.length > 1) this.stop()
    await Promise.all(nodes.map(node => moveTo(node, wanted, this.fps)))
    if (nodes !== this.nodes) return
    this.gathering = null
    if (this.next !== null) {
      const next = this.next
      this.next = null
      return this.seek(next)
    }
    if (this.wants) this.start()
    this.tell()
  }

  // A clip of which nothing is known has no frames yet: what is wished meanwhile is done, in order, once it has.
  whenKnown(wish) {
    if (this.nodes.some(node => node.readyState >= HTMLMediaElement.HAVE_METADATA)) return wish()
    this.wishes.push(wish)
  }

  // To a share of the whole length.
  seekShare(share) { return this.whenKnown(() => this.seek(share * this.length)) }

  step(frames) {
    this.wants = false
    this.stop()
    return this.whenKnown(() => this.seek(this.frameFrom(frames)))
  }

  // From the middle of one frame to the middle of another: no rounding decides which is shown.
  frameFrom(frames) {
    const frame = Math.floor(this.at * this.fps + 0.01) + frames
    const last = Math.max(0, Math.ceil(this.length * this.fps - 0.01) - 1)
    return (Math.min(Math.max(0, frame), last) + 0.5) / this.fps
  }

  // How much of a clip somebody waits for; what a browser puts off by itself while nothing plays, nobody does.
  needs(node) {
    if (this.wants || this.whole) return HTMLMediaElement.HAVE_FUTURE_DATA
    if (node.networkState !== HTMLMediaElement.NETWORK_LOADING) return HTMLMediaElement.HAVE_NOTHING
    return node.seeking ? HTMLMediaElement.HAVE_CURRENT_DATA : HTMLMediaElement.HAVE_METADATA
  }

  // Asked for anew, it goes on where it was.
  again(node) {
    const { at } = this
    node.load()
    if (at) node.currentTime = at
    if (this.wants && this.nodes.length === 1) this.start()
  }

  isOver(node) {
    return node !== this.longest && Number.isFinite(node.duration) && this.at >= node.duration - END_S
  }

  ended() {
    if (!this.longest?.ended || this.gathering !== null) return
    if (this.loop && this.wants) this.seek(0)
    else this.wants = false
    this.tell()
  }

  tick() {
    if (!this.wants || this.gathering !== null) return
    this.ticking = requestAnimationFrame(() => this.tick())
    const { lead } = this, running = this.nodes.filter(node => !this.isOver(node))
    if (this.waitForSlow(running)) return
    running.forEach(node => { if (node !== lead) this.keep(node, lead) })
  }

  // Nobody runs ahead of a clip whose bytes are late.
  waitForSlow(running) {
    const late = running.filter(node => !node.error && !givenUp.has(node) && !hasCome(node, HTMLMediaElement.HAVE_FUTURE_DATA))
    for (const node of running) {
      if (late.length && !late.includes(node)) node.pause()
      else if (!late.length && node.paused && !node.ended) node.play().catch(() => {})
    }
    return late.length > 0
  }

  keep(node, lead) {
    if (node.paused || node.seeking || lead.paused) return
    const ahead = node.currentTime - lead.currentTime
    if (Math.abs(ahead) > this.farS * this.rate) {
      node.currentTime = Math.min(lead.currentTime, node.duration)
      return
    }
    const near = this.nearFrames === null ? NEAR_S : this.nearFrames / this.fps
    const pull = Math.abs(ahead) < near ? 0 : Math.min(this.most, Math.max(-this.most, -ahead / PULL_S))
    const rate = this.rate * (1 + pull)
    if (Math.abs(node.playbackRate - rate) > 0.004) node.playbackRate = rate
  }

  destroy() {
    this.arrivals.end()
    this.heard?.abort()
    this.stop()
    this.nodes = []
    this.listeners.clear()
  }
}

// Resolves once this frame is there to be shown, or nobody waits for it.
const moveTo = async (node, to, fps) => {
  const known = HTMLMediaElement.HAVE_METADATA
  if (node.readyState < known) await filmHas(node, known)
  if (node.error || node.readyState < known) return
  const ends = Number.isFinite(node.duration) ? Math.max(0, node.duration - 0.5 / fps) : to
  const done = new AbortController()
  await new Promise(resolve => {
    for (const name of ["seeked", ...SETTLES]) node.addEventListener(name, resolve, { signal: done.signal })
    node.currentTime = Math.min(to, ends)
    if (givenUp.has(node)) resolve()
  })
  done.abort()
}
