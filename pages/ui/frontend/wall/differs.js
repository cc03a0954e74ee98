// Takes of one prompt lie side by side: each says what sets it apart from its neighbours, not what they share.
const DIFFERS_ALIKE = 0.6
const DIFFERS_WORDS = 5

const wordsOfPrompt = card => String(card.prompt ?? card.alt ?? "").split(/\s+/).filter(Boolean)
const bareWord = word => word.toLowerCase().replace(/[.,;:!?"'()]+/g, "")
// Read once: the wall is laid anew with every page that comes.
const bareOfCard = new WeakMap()
const bareWords = card => {
  if (!bareOfCard.has(card)) bareOfCard.set(card, new Set(wordsOfPrompt(card).map(bareWord)))
  return bareOfCard.get(card)
}
const alike = (one, other) => {
  if (one.prompt_key !== undefined && one.prompt_key === other.prompt_key) return true
  const a = bareWords(one), b = bareWords(other)
  let shared = 0
  for (const word of a) if (b.has(word)) shared += 1
  return shared > 2 && shared / (a.size + b.size - shared) >= DIFFERS_ALIKE
}
const factsOf = card => {
  const facts = { ...(card.params ?? {}), ...(card.style ?? {}) }
  delete facts.seed
  delete facts.aspect_ratio
  delete facts.duration
  if (card.seed !== null && card.seed !== undefined) facts.seed = card.seed
  if (card.ratio) facts.ratio = card.ratio
  if (card.length) facts.length = card.length
  if (card.model) facts.model = card.model
  return facts
}
const factWords = (name, value) => {
  if (["ratio", "length", "model"].includes(name)) return String(value)
  if (name === "seed") return `seed ${value}`
  if (value === true) return name.replaceAll("_", " ")
  if (value === false || value === undefined || value === null) return `no ${name.replaceAll("_", " ")}`
  return `${name.replaceAll("_", " ")} ${value}`
}

// items -> id -> words that only this one has among its run of neighbours; none where a take stands alone.
const differences = items => {
  const told = new Map()
  let from = 0
  while (from < items.length) {
    let to = from + 1
    while (to < items.length && alike(items[to - 1], items[to])) to += 1
    if (to - from > 1) tellRun(items.slice(from, to), told)
    from = to
  }
  return told
}
const tellRun = (run, told) => {
  const facts = run.map(factsOf)
  const names = ["seed", "ratio", "length", "model", ...new Set(facts.flatMap(Object.keys))]
  const differing = [...new Set(names)].filter(name => new Set(facts.map(one => String(one[name]))).size > 1)
  const [first, ...others] = run.map(bareWords)
  const shared = new Set([...first].filter(word => others.every(words => words.has(word))))
  run.forEach((card, at) => {
    const own = wordsOfPrompt(card).filter(word => !shared.has(bareWord(word)))
    const words = own.length ? [own.slice(0, DIFFERS_WORDS).join(" ") + (own.length > DIFFERS_WORDS ? " …" : "")] : []
    const rest = differing.filter(name => facts[at][name] !== undefined).map(name => factWords(name, facts[at][name]))
    if (words.length || rest.length) told.set(card.id, [...words, ...rest].join(" · "))
  })
}
