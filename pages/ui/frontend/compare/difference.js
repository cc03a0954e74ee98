// What sets takes apart that lie side by side, and nothing of what they share.
const bare = word => word.toLowerCase().replace(/[.,;:!?"'()]+/g, "")
const splitWords = text => String(text ?? "").split(/\s+/).filter(Boolean)

// The words that both have in the same order, as many as there are.
const longestShared = (one, other) => {
  const best = Array.from({ length: one.length + 1 }, () => new Uint16Array(other.length + 1))
  for (let i = one.length - 1; i >= 0; i -= 1) {
    for (let j = other.length - 1; j >= 0; j -= 1) {
      best[i][j] = one[i] === other[j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1])
    }
  }
  const shared = []
  for (let i = 0, j = 0; i < one.length && j < other.length;) {
    if (one[i] === other[j]) {
      shared.push(one[i])
      i += 1
      j += 1
    } else if (best[i + 1][j] >= best[i][j + 1]) i += 1
    else j += 1
  }
  return shared
}

// Each text as runs of words: [words, whether they are its own].
const markedTexts = texts => {
  const split = texts.map(splitWords), shared = split.map(words => words.map(bare)).reduce(longestShared)
  return split.map(words => {
    const runs = []
    let next = 0
    for (const word of words) {
      const own = bare(word) !== shared[next]
      if (!own) next += 1
      if (runs.at(-1)?.[1] === own) runs.at(-1)[0] += ` ${word}`
      else runs.push([word, own])
    }
    return runs
  })
}

const factsOfTake = card => ({
  Model: card.model, ...card.style, ...card.params, seed: card.seed ?? card.params?.seed, ratio: card.ratio,
  length: card.length, size: card.width ? `${card.width} × ${card.height}` : null, cost: card.cost,
  "took": card.moving || !card.elapsed_s ? null : clock(card.elapsed_s), person: card.who,
})

const factText = value => {
  if (value === undefined || value === null || value === "") return "–"
  if (typeof value === "boolean") return value ? "yes" : "no"
  return typeof value === "object" ? JSON.stringify(value) : String(value)
}
const factName = name => {
  const words = name.replaceAll("_", " ")
  return words[0].toUpperCase() + words.slice(1)
}

// Rows of [name, a value for each take].
const differingFacts = cards => {
  const facts = cards.map(factsOfTake)
  const names = [...new Set(facts.flatMap(Object.keys))]
  const rows = names.map(name => [factName(name), facts.map(one => factText(one[name]))])
  return rows.filter(([, values]) => new Set(values).size > 1)
}

const drawDifferences = (root, cards, letters) => {
  const table = el("table"), head = el("tr"), rows = differingFacts(cards)
  table.tabIndex = 0  // it scrolls aside on a phone, also by keys
  const texts = cards.map(card => card.prompt ?? card.alt ?? "")
  head.append(el("td"), ...letters.map(letter => Object.assign(el("th", "", letter), { scope: "col" })))
  table.append(head)
  if (new Set(texts).size > 1) table.append(differenceRow("Prompt", markedTexts(texts).map(markedCell)))
  table.append(...rows.map(([name, values]) => differenceRow(name, values.map(value => el("td", "", value)))))
  const same = table.children.length === 1
  root.replaceChildren(el("h2", "", "What differs"), same ? el("p", "", "Nothing that was asked for.") : table)
}

const differenceRow = (name, cells) => {
  const row = el("tr")
  row.append(Object.assign(el("th", "", name), { scope: "row" }), ...cells)
  return row
}

const markedCell = runs => {
  const cell = el("td", "asked")
  runs.forEach(([words, own], place) => cell.append(place ? " " : "", own ? el("mark", "", words) : words))
  return cell
}
