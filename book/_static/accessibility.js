// Correct a few labels and roles that the theme writes, for people who use a screen reader or keys.
"use strict";

// A name that is heard must contain the text that is seen.
for (const labelled of document.querySelectorAll("summary[aria-label], .search-button-field")) {
  if (labelled.textContent.trim()) labelled.removeAttribute("aria-label");
}

// Content outside a landmark is missed by jumping from landmark to landmark.
const sidebar = document.querySelector(".bd-sidebar-primary");
sidebar?.setAttribute("role", "navigation");
sidebar?.setAttribute("aria-label", "Book");

// The arrow that unfolds a part of the list of pages says which.
for (const arrow of document.querySelectorAll(".bd-docs-nav summary")) {
  const page = arrow.closest("li").querySelector("a").textContent.trim();
  arrow.setAttribute("aria-label", `Pages below ${page}`);
}

// A list within a list stands within one of its items.
for (const list of document.querySelectorAll("article ul > ul")) {
  const item = document.createElement("li");
  list.replaceWith(item);
  item.append(list);
}

// A bibliography is written as a list without list items.
for (const list of document.querySelectorAll(".citation-list")) {
  list.setAttribute("role", "list");
  for (const entry of list.querySelectorAll(".citation")) entry.setAttribute("role", "listitem");
}

// A formula that is wider than the page can be scrolled with the arrow keys.
const fit = new ResizeObserver((changes) => {
  for (const { target } of changes) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const formula of document.querySelectorAll("div.math")) fit.observe(formula);
