// Films whose bytes don't come. A browser waits for ever for an answer that never comes, and leaves a film that was put
// aside half loaded: such a film is asked for anew. One that still doesn't come is given up: nobody waits for it, and
// that is said. It is asked for anew all the same, and is waited for again once it is there. So is one that failed
// because nothing was reached: to a browser that is the same error as a film that it can't play.
const LOOK_MS = 1000
const IDLE_MS = 3000  // where the browser has stopped by itself to load what doesn't play
const QUIET_MS = 8000  // where bytes are waited for; twice as long after each time, as after each failure
const DOUBLES = 3
const GIVE_UP_MS = 20000
const OVER_S = 0.001
const ARRIVES = ["progress", "loadedmetadata", "loadeddata", "canplay", "canplaythrough", "seeked"]
const SETTLES = ["error", "emptied", "givenup"]

const givenUp = new WeakSet()
const unplayable = new WeakSet()
const doubted = new WeakSet()

const giveUp = film => {
  if (givenUp.has(film)) return
  givenUp.add(film)
  film.dispatchEvent(new Event("givenup"))
}

// What the server says of a film that failed: 0 when it isn't reached, 200 also where no more is told than that it is.
const askWhether = async film => {
  if (film.error?.code === MediaError.MEDIA_ERR_NETWORK) return 0
  try {
    const answer = await fetch(film.src, { method: "HEAD", mode: "no-cors", cache: "no-store" })
    return answer.type === "opaque" ? 200 : answer.status
  } catch { return 0 }
}

// At its end there is nothing more that could come.
const hasCome = (film, state) => film.readyState >= state
  || film.readyState === HTMLMediaElement.HAVE_CURRENT_DATA && film.currentTime >= film.duration - OVER_S

// Resolves once so much of it is there, or nobody waits for it any more. No single event tells that: a film that is
// still on its way to a frame has less of it than before, and has long told that it was loaded.
const filmHas = (film, state) => new Promise(resolve => {
  const done = new AbortController()
  const look = () => {
    if (!hasCome(film, state) && !film.error && film.hasAttribute("src") && !givenUp.has(film)) return
    done.abort()
    resolve()
  }
  for (const name of [...ARRIVES, ...SETTLES]) film.addEventListener(name, look, { signal: done.signal })
  look()
})

const amountOf = ({ buffered }) => (buffered.length ? buffered.end(buffered.length - 1) : 0)

class Arrivals {
  // needs: how much of a film is waited for. again: asks for one anew. Films hear "givenup", and "came" afterwards.
  constructor({ needs, again }) {
    Object.assign(this, { needs, again, films: [], seen: new WeakMap() })
  }

  watch(films) {
    this.end()
    for (const film of films) if (!this.films.includes(film)) this.rest(film)
    this.films = films
    if (!films.length) return
    this.heard = new AbortController()
    const { signal } = this.heard
    for (const film of films) {
      for (const name of ARRIVES) film.addEventListener(name, () => this.got(film), { signal })
      film.addEventListener("error", () => this.failed(film), { signal })
      if (film.error) this.again(film)  // what was so when it failed may be long over
    }
    addEventListener("online", () => films.forEach(film => { if (film.error) this.again(film) }), { signal })
    this.timer = setInterval(() => this.look(), LOOK_MS)
  }

  rest(film) { this.seen.set(film, { since: performance.now(), asked: performance.now(), tries: 0, most: amountOf(film) }) }

  // What comes again after it was asked for anew is no more than there was.
  got(film) {
    const seen = this.seen.get(film)
    if (!seen.tries || amountOf(film) > seen.most) this.rest(film)
    else seen.asked = performance.now()
  }

  async failed(film) {
    const status = await askWhether(film)
    if (!film.error) return
    if (!status || status >= 400) return giveUp(film)
    if (!doubted.has(film)) {  // it may have come to be reached just now
      doubted.add(film)
      return this.again(film)
    }
    unplayable.add(film)
    film.dispatchEvent(new Event("unplayable"))
  }

  look() {
    if (!this.films.some(film => film.isConnected)) return this.end()
    this.films.forEach(film => this.lookAt(film))
  }

  lookAt(film) {
    const waits = film.hasAttribute("src") && (film.error ? givenUp.has(film) : !hasCome(film, this.needs(film)))
    if (hasCome(film, HTMLMediaElement.HAVE_FUTURE_DATA) && givenUp.delete(film)) film.dispatchEvent(new Event("came"))
    if (!waits || document.hidden) return this.rest(film)
    const seen = this.seen.get(film), now = performance.now()
    if (now - seen.since >= GIVE_UP_MS) giveUp(film)
    const idle = film.paused && film.networkState !== HTMLMediaElement.NETWORK_LOADING
    const longer = idle && !film.error ? 1 : 2 ** Math.min(seen.tries, DOUBLES)
    if (now - seen.asked < (idle || film.error ? IDLE_MS : QUIET_MS) * longer) return
    Object.assign(seen, { asked: now, tries: seen.tries + 1 })
    this.again(film)
  }

  end() {
    clearInterval(this.timer)
    this.heard?.abort()
  }
}
