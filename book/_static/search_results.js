// What the list of search results says of a page: its text, and a term with its definition.
"use strict";

// Figures, and what is there for the eye alone: every formula stands in a page twice.
const UNSAID = ".headerlink, script, style, svg, .katex-html, annotation";

Search.htmlToText = (html, anchor) => {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const element of page.querySelectorAll(UNSAID)) element.remove();
  const part = page.getElementById(anchor?.slice(1)) ?? page.querySelector("article");
  const definition = part?.localName === "dt" ? `: ${part.nextElementSibling.textContent}` : "";
  return `${part?.textContent.trim() ?? ""}${definition}`;
};

// Who is led to a term in the glossary need not be led to the glossary as well.
const search = Search._performSearch;
Search._performSearch = (...query) => {
  const results = search(...query);
  const isTerm = ([, , anchor]) => anchor.startsWith("#term-");
  const glossaries = new Set(results.filter(isTerm).map(([page]) => page));
  return results.filter(([page, , anchor]) => anchor || !glossaries.has(page));
};
