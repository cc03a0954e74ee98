// Has a part of the page drawn anew once something of it changed that only the server can draw: buttons, files.
const WATCH_MS = 250
const WATCH_AGAIN_MS = 4000
const WATCH_TRIES = 5
export default function ({ data, parentElement, setTriggerValue }) {
  const place = placeOf(parentElement, () => ({ cards: new Map(), told: new Set(), tries: 0 }))
  clearTimeout(place.asking)
  place.asking = null
  place.tries = 0
  place.cards = new Map(data.takes.map(card => [card.id, card]))
  const parts = card => JSON.stringify(data.names.map(name => card[name]))
  const ask = (after = WATCH_MS) => {
    place.asking ??= setTimeout(function trigger() {
      setTriggerValue("changed", `${Date.now()}`)
      // While the kit's own connection is away, what is asked for is lost.
      place.asking = ++place.tries < WATCH_TRIES ? setTimeout(trigger, WATCH_AGAIN_MS) : null
    }, after)
  }
  // A list may be too full to show a take that fits it: it is asked about once in each state.
  const isNew = card => {
    if (!data.others || !data.others.states.includes(card.state) || (data.others.mine && !card.mine)) return false
    const told = `${card.id} ${card.state}`
    return !place.told.has(told) && place.told.add(told)
  }
  const leave = liveHub().subscribe({
    of: place,
    at: data.at,
    shown: () => [...place.cards.keys()],
    takes: cards => {
      for (const card of cards) {
        const here = place.cards.get(card.id)
        if (here ? card.version >= here.version && parts(card) !== parts(here) : isNew(card)) ask()
      }
    },
    // Made while nobody could be told: nothing is known of them but that they are there.
    fresh: (n, ids) => { if (data.others && ids.some(id => !place.told.has(`${id} created`))) ask() },
  })
  // A tab that nobody sees asks once it is looked at again.
  const askSeen = () => {
    if (document.hidden) document.addEventListener("visibilitychange", askSeen, { once: true })
    else ask()
  }
  const again = data.again_s === null ? null : setTimeout(askSeen, data.again_s * 1000)
  return () => {
    clearTimeout(again)
    document.removeEventListener("visibilitychange", askSeen)
    clearTimeout(place.asking)
    leave()
  }
}
