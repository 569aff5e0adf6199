// Puts drawings in place of the images that carry them: they take the colours of the page.
globalThis.qm9Inline ??= (root) => {
  for (const image of root.querySelectorAll("img.qm9-drawing")) {
    const box = document.createElement("template");
    box.innerHTML = atob(image.src.split(",")[1]);
    const svg = box.content.firstChild;
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", image.alt);
    image.replaceWith(svg);
  }
};
qm9Inline(document.currentScript.parentNode);
