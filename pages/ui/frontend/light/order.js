// The takes of the wall in their order, as somebody goes through them. What comes later joins; what leaves the
// wall meanwhile (it was rejected, or trashed by somebody) stays in its place until this is closed.
class TakeOrder {
  constructor() {
    this.ids = []
    this.cards = new Map()
    this.at = -1
  }

  get card() { return this.cards.get(this.ids[this.at]) }

  get near() { return [-1, 0, 1, 2].map(step => this.ids[this.at + step]).filter(Boolean) }

  cardOf(id) { return this.cards.get(id) }

  has(id) { return this.cards.has(id) }

  keep(card) { this.cards.set(card.id, { got: performance.now(), ...card }) }

  join(items) {
    const here = this.ids[this.at], known = new Set(this.ids)
    const first = items.findIndex(card => known.has(card.id))
    const fresh = items.map((card, place) => [card.id, place]).filter(([id]) => !known.has(id))
    const before = fresh.filter(([, place]) => place < first).map(([id]) => id)
    const after = fresh.filter(([, place]) => place >= first).map(([id]) => id)
    this.ids = [...before, ...this.ids, ...after]
    items.forEach(card => { if (!known.has(card.id)) this.keep(card) })
    this.at = this.ids.indexOf(here)
  }

  // A take that the wall doesn't show: an address named it.
  putFirst(card) {
    this.keep(card)
    this.ids = [card.id, ...this.ids]
  }

  clear() {
    this.ids = []
    this.cards.clear()
    this.at = -1
  }
}
