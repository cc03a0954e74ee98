// Boxes that take a word that is there, or one's own: Enter takes the best match, Tab keeps what was typed, and
// one's own stands last. The kit's box takes what was typed on Enter and forgets it on Tab, so its options are
// pressed here before it hears the key. ↑ at the start of the prompt opens the earlier ones.
const OWN = "__creatable__"

const listOf = field => document.getElementById(field.getAttribute("aria-controls") || "")

const optionsOf = field => [...(listOf(field)?.querySelectorAll("[role=option]") ?? [])]

const onChoiceKey = event => {
  const field = event.target
  if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return
  if (event.key === "ArrowUp" && field.matches?.(".st-key-form-prompt textarea")) {
    if (field.selectionStart || field.selectionEnd) return
    event.preventDefault()
    document.querySelector(".st-key-prompt-history button")?.click()
    return
  }
  if (!field.matches?.(".stSelectbox input[role=combobox]") || field.getAttribute("aria-expanded") !== "true") return
  const options = optionsOf(field)
  const own = options.find(option => option.dataset.key === OWN)
  if (!own) return // nothing was typed, or just what is there: the kit does what is meant
  if (event.key === "Tab") {
    own.click()
    return
  }
  const best = options.find(option => option !== own)
  const moved = field.getAttribute("aria-activedescendant")
  if (event.key !== "Enter" || !best || (moved && moved !== own.id)) return
  event.preventDefault()
  event.stopImmediatePropagation()
  best.click()
}

export default function () {
  if (window.dailiesChoices) return
  window.dailiesChoices = true
  document.addEventListener("keydown", onChoiceKey, true)
}
