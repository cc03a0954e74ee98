// The ways to the pages that are used most, at the foot of a phone. The side bar has them all, and goes
// there without loading anything anew: a tab presses its link.
const buildTabs = parent => {
  const nav = el("nav", "root tabs")
  nav.setAttribute("aria-label", "Pages")
  parent.append(nav)
  return { nav }
}

const goTo = (event, href) => {
  const links = [...document.querySelectorAll('[data-testid="stSidebarNavLink"]')]
  const root = document.baseURI.replace(/[^/]*$/, "")
  const link = links.find(one => one.href.replace(/\/+$/, "") === new URL(href, root).href.replace(/\/+$/, ""))
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return
  event.preventDefault()
  link.click()
}

export default function ({ data, parentElement }) {
  const { nav } = placeOf(parentElement, buildTabs)
  drawWhenChanged(nav, data.tabs, () => data.tabs.map(tab => {
    const link = el("a", "tab")
    link.href = tab.href
    if (tab.current) link.setAttribute("aria-current", "page")
    link.append(icon(tab.icon), el("span", "word", tab.label))
    link.addEventListener("click", event => goTo(event, tab.href))
    return link
  }))
}
