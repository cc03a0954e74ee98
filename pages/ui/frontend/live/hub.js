// What changes, by push: one connection for the whole tab, to which every part of the page subscribes.
//
//   const leave = liveHub().subscribe({
//     of: place,               // the same object at each drawing: then a new drawing goes on where the last one was
//     at: data.at,             // the newest move when the data was read: what came later is told
//     shown: () => ids,        // the takes that it shows
//     takes: cards => {},      // cards that changed, in no order; also ones that it does not show
//     fresh: (n, ids) => {},   // so many takes were asked for since `at` that it does not show
//     ended: cards => {},      // of `takes`, those that have just ended, or are held
//     counts: ({ moving, held }) => {},   // of all takes that may be seen
//     asked: () => ids,        // of these, the ones that are asked for while nothing is pushed; else all that it shows
//     down: isDown => {},      // for longer than ten seconds nothing could be pushed; or it can be again
//   })
//
// `leave()` ends it; `leave.catchUp()` says that what was fresh is shown by now.
// A card whose `version` is lower than the one that is shown is old: leave it. For equal ones the later is newer.
const LIVE_DOWN_MS = 10000
const LIVE_HIDDEN_MS = 60000
const LIVE_LINGER_MS = 2000
const LIVE_TOGETHER_MS = 30
const LIVE_PAUSE_MS = 500
const LIVE_PAUSE_MAX_MS = 30000
const LIVE_IDS = 200
// While nothing is pushed it is asked for: more often while something moves.
const LIVE_ASK_MS = 2000
const LIVE_ASK_IDLE_MS = 10000
const LIVE_ALIVE_MS = 5000
// Whoever wants to be told on their desktop is told also while the tab is hidden.
const LIVE_NOTICES = "dailies:notices"
const wantsNotices = () => {
  try {
    return localStorage.getItem(LIVE_NOTICES) === "1" && window.Notification?.permission === "granted"
  } catch {
    return false
  }
}

const makeLiveHub = () => {
  const subs = new Map()
  const hub = { at: 0, socket: null, tries: 0, isDown: false, isOver: false, counts: null }
  const late = new Set()
  let again = null, failing = null, hiding = null, greeting = null, reviving = null, asking = null, welcomed = false

  const address = () => {
    const url = new URL("live", new URL(".", location.href))
    url.protocol = url.protocol.replace("http", "ws")
    return url.href
  }
  const say = (since, ids) => {
    const all = [...new Set(ids)]
    for (let from = 0; from === 0 || from < all.length; from += LIVE_IDS) {
      hub.socket.send(JSON.stringify({ since, ids: all.slice(from, from + LIVE_IDS) }))
    }
  }
  // What is drawn at the same time says hello together.
  const greet = sub => {
    late.add(sub)
    greeting ??= setTimeout(() => {
      greeting = null
      const ones = [...late]
      late.clear()
      if (!hub.socket || !welcomed) return
      say(Math.min(...ones.map(one => one.at ?? hub.at)), ones.flatMap(one => one.shown?.() ?? []))
    }, LIVE_TOGETHER_MS)
  }
  const tell = (sub, news) => {
    if (news.counts) sub.counts?.(news.counts)
    if (news.takes.length) sub.takes?.(news.takes)
    const ended = news.takes.filter(card => news.ended.includes(card.id))
    if (ended.length) sub.ended?.(ended)
    const shown = new Set(sub.shown?.() ?? [])
    const made = news.made.filter(id => !shown.has(id) && !sub.made.has(id))
    if (!made.length) return
    sub.made = new Set([...sub.made, ...made].filter(id => !shown.has(id)))
    sub.fresh?.(sub.made.size, [...sub.made])
  }
  const fail = () => {
    failing ??= setTimeout(() => { hub.isDown = true; subs.forEach(sub => sub.down?.(true)); askSoon(0) }, LIVE_DOWN_MS)
  }
  // A browser, or a network, without WebSockets for what is pushed: the same news are asked for.
  const askSoon = ms => {
    asking ??= setTimeout(async () => {
      const asks = hub.isDown && !hub.isOver && subs.size
      if (asks && !document.hidden) await ask().catch(() => {})
      asking = null
      if (asks) askSoon(hub.counts?.moving ? LIVE_ASK_MS : LIVE_ASK_IDLE_MS)
    }, ms)
  }
  const ask = async () => {
    const ids = [...subs.values()].flatMap(sub => (sub.asked ?? sub.shown)?.() ?? [])
    const asked = new URLSearchParams({ since: hub.at, ids: [...new Set(ids)].slice(0, LIVE_IDS).join(",") })
    const answer = await fetch(new URL(`wall/news?${asked}`, new URL(".", location.href)))
    if (answer.ok && hub.isDown) take(await answer.json())
  }
  const work = () => {
    clearTimeout(failing)
    failing = null
    hub.tries = 0
    if (!hub.isDown) return
    hub.isDown = false
    subs.forEach(sub => sub.down?.(false))
  }
  const hear = event => {
    clearTimeout(reviving)
    work()
    take(JSON.parse(event.data))
  }
  const take = news => {
    hub.at = Math.max(hub.at, news.at)
    if (news.counts) hub.counts = news.counts
    for (const sub of [...subs.values()]) tell(sub, news)
  }
  const open = () => {
    clearTimeout(again)
    again = null
    if (hub.socket || hub.isOver || !subs.size || isResting()) return
    fail()
    let socket
    try {
      socket = new WebSocket(address())
    } catch {
      return
    }
    hub.socket = socket
    welcomed = false
    socket.onopen = () => {
      welcomed = true
      say(hub.at, [...subs.values()].flatMap(sub => sub.shown?.() ?? []))
    }
    socket.onmessage = hear
    socket.onclose = event => {
      if (hub.socket === socket) hub.socket = null
      if (event.code === 4401) { hub.isOver = true; return subs.forEach(sub => sub.down?.(true)) }
      if (isResting() || !subs.size) return
      fail()
      const most = Math.min(LIVE_PAUSE_MAX_MS, LIVE_PAUSE_MS * 2 ** hub.tries++)
      again ??= setTimeout(open, most * (0.5 + Math.random() / 2))
    }
  }
  const close = () => {
    clearTimeout(again)
    clearTimeout(failing)
    again = failing = null
    hub.socket?.close()
    hub.socket = null
  }
  let rests = false
  const isResting = () => rests
  // A tab that nobody sees costs nothing; it catches up when it is looked at again.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding)
    if (document.hidden) {
      hiding = setTimeout(() => {
        if (wantsNotices()) return
        rests = true
        close()
        subs.forEach(sub => sub.rest?.(true))
      }, LIVE_HIDDEN_MS)
      return
    }
    if (rests) subs.forEach(sub => sub.rest?.(false))
    rests = false
    revive()
  })
  // After a sleep, or on another network, a connection may be dead without any sign: it is asked for one.
  const revive = () => {
    hub.tries = 0
    if (!hub.socket || !welcomed) return open()
    const asked = hub.socket
    say(hub.at, [])
    clearTimeout(reviving)
    reviving = setTimeout(() => {
      if (hub.socket !== asked) return
      hub.socket = null
      asked.onclose = null
      asked.close()
      open()
    }, LIVE_ALIVE_MS)
  }
  addEventListener("online", revive)

  hub.subscribe = ({ of = {}, ...what }) => {
    const known = subs.get(of)
    const goesOn = Boolean(known)
    const sub = known ?? { made: new Set() }
    clearTimeout(sub.leaving)
    if (goesOn && what.at > sub.at) sub.made.clear()
    Object.assign(sub, what)
    subs.set(of, sub)
    hub.at = Math.max(hub.at, sub.at ?? 0)
    if (!hub.socket) open()
    else if (!goesOn && welcomed) greet(sub)
    if (hub.counts) sub.counts?.(hub.counts)
    if (hub.isDown) { sub.down?.(true); askSoon(0) }
    const leave = () => {
      clearTimeout(sub.leaving)
      sub.leaving = setTimeout(() => {
        subs.delete(of)
        if (!subs.size) close()
      }, LIVE_LINGER_MS)
    }
    leave.catchUp = () => sub.made.clear()
    return leave
  }
  return hub
}
// Components are scripts of their own; the connection belongs to the tab.
const liveHub = () => (window.__dailiesLive ??= makeLiveHub())
