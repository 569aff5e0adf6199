// What is wrong with the page that is open? Each function returns a list of problems, in words.
(() => {
  "use strict";

  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  const say = (element) => {
    const id = element.id ? `#${element.id}` : "";
    const classes = [...element.classList].map((name) => `.${name}`).join("");
    const text = element.textContent.trim().replace(/\s+/g, " ").slice(0, 40);
    return `<${element.localName}${id}${classes}> "${text}"`;
  };

  // The name that a screen reader says, as far as it is written down for this element.
  const label = (element) =>
    element.getAttribute("aria-label")?.trim() ||
    (element.getAttribute("aria-labelledby") ?? "")
      .split(/\s+/)
      .map((id) => (id && document.getElementById(id)?.textContent) || "")
      .join(" ")
      .trim();

  // Text for the eye, outside of code and formulas, node by node.
  const texts = (root) => {
    const skipped = "script, style, noscript, template, pre, code, kbd, textarea, .katex";
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
      const node = walker.currentNode;
      if (node.data.trim() && !node.parentElement.closest(skipped)) found.push(node);
    }
    return found;
  };

  const scrollsInside = (element) => {
    for (let box = element; box && box !== document.body; box = box.parentElement) {
      if (/auto|scroll/.test(getComputedStyle(box).overflowX)) return true;
    }
    return false;
  };

  return {
    // The page is never wider than the window.
    scroll() {
      const width = document.documentElement.scrollWidth;
      if (width <= innerWidth) return [];
      const wide = all("body *").filter(
        (element) => element.getBoundingClientRect().right > innerWidth && !scrollsInside(element),
      );
      return [`${width} px wide in a window of ${innerWidth} px: ${wide.slice(-3).map(say)}`];
    },

    // What is too wide for its box begins at the left, where reading and scrolling begin.
    start() {
      const wide = all("main *").filter(
        (box) =>
          box.scrollWidth > box.clientWidth + 1 &&
          /auto|scroll/.test(getComputedStyle(box).overflowX),
      );
      const before = (box) => {
        const edge = box.getBoundingClientRect().left - box.scrollLeft - 1;
        return [...box.querySelectorAll("*")].some((part) => {
          const { left, width } = part.getBoundingClientRect();
          return width > 1 && left < edge;
        });
      };
      return wide.filter(before).map((box) => `begins in the middle: ${say(box)}`);
    },

    // No text ends at the edge of the window, or of a box that hides the rest.
    cut() {
      const found = new Set();
      for (const node of texts(document.querySelector("main"))) {
        const element = node.parentElement;
        if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        const { left, right, width } = range.getBoundingClientRect();
        if (width <= 1 || scrollsInside(element)) continue;
        if (left < -1 || right > innerWidth + 1) found.add(`outside the window: ${say(element)}`);
        for (let box = element; box !== document.body; box = box.parentElement) {
          const edge = box.getBoundingClientRect();
          // What is made 1 px small is there for screen readers only.
          if (edge.width <= 1) break;
          const hides = /hidden|clip/.test(getComputedStyle(box).overflowX);
          if (hides && right > edge.right + 1) found.add(`cut off: ${say(element)}`);
        }
      }
      return [...found];
    },

    // No word that could stand in one line is broken.
    words() {
      const found = [];
      for (const node of texts(document.body)) {
        const shown = { visibilityProperty: true, opacityProperty: true };
        if (!node.parentElement.checkVisibility(shown)) continue;
        for (const { 0: word, index } of node.data.matchAll(/\p{L}{2,}/gu)) {
          const range = document.createRange();
          range.setStart(node, index);
          range.setEnd(node, index + word.length);
          const lines = new Set([...range.getClientRects()].map(({ bottom }) => Math.round(bottom)));
          if (lines.size > 1) found.push(`${word}: ${say(node.parentElement)}`);
        }
      }
      return found;
    },

    // All buttons of the header are in the window.
    header() {
      return all(".bd-header-article :is(a, button)")
        .filter((button) => button.checkVisibility({ visibilityProperty: true }))
        .filter((button) => {
          const { left, right } = button.getBoundingClientRect();
          return left < 0 || right > innerWidth;
        })
        .map((button) => `outside the window: ${button.title || label(button)}`);
    },

    // Without colours of a theme, the header lets the text shine through, and code is black.
    theme() {
      const clear = "rgba(0, 0, 0, 0)";
      const found = all(".bd-header-article")
        .filter((header) => getComputedStyle(header).backgroundColor === clear)
        .map(() => "the header is transparent");
      const code = all(".highlight pre");
      const colors = new Set(
        code.flatMap((pre) => all("span", pre).map((span) => getComputedStyle(span).color)),
      );
      return code.length && colors.size < 2 ? [...found, "code has no colours"] : found;
    },

    // One h1, and no level left out below it.
    headings() {
      const found = [];
      const headings = all("main :is(h1, h2, h3, h4, h5, h6, [role=heading])").filter((heading) =>
        heading.checkVisibility(),
      );
      const level = (heading) =>
        Number(heading.getAttribute("aria-level") ?? heading.localName.slice(1));
      const first = headings.filter((heading) => level(heading) === 1);
      if (first.length !== 1) found.push(`${first.length} visible headings of level 1`);
      headings.forEach((heading, i) => {
        const before = i ? level(headings[i - 1]) : 0;
        if (level(heading) > before + 1) {
          found.push(`level ${level(heading)} after level ${before}: ${say(heading)}`);
        }
      });
      return found;
    },

    ids() {
      const ids = all("[id]").map((element) => element.id);
      const twice = new Set(ids.filter((id, i) => ids.indexOf(id) !== i));
      return [...twice].map((id) => `more than one element has the id "${id}"`);
    },

    // No formula's source, in what is seen or heard.
    tex() {
      const source = /\$|\\[()[\]]|\\[a-zA-Z]+/;
      const heard = ["alt", "aria-label", "title"].flatMap((name) =>
        all(`[${name}]`).map((element) => element.getAttribute(name)),
      );
      return [document.title, ...texts(document.body).map((node) => node.data), ...heard]
        .filter((text) => source.test(text))
        .map((text) => `"${text.trim().replace(/\s+/g, " ").slice(0, 60)}"`);
    },

    formulas() {
      const found = [];
      // MathML 4, "Required Arguments": what has to stand inside an element, and how often.
      const two = ["mfrac", "mroot", "msub", "msup", "munder", "mover"];
      const parts = [...two.map((name) => [name, 2]), ["msubsup", 3], ["munderover", 3]];
      for (const [name, number] of parts) {
        for (const element of all(name)) {
          const { length } = element.children;
          if (length !== number) found.push(`${length} parts in ${name}: ${say(element)}`);
        }
      }
      for (const math of all(".math")) {
        if (!math.querySelector(".katex")) found.push(`not rendered: ${say(math)}`);
      }
      for (const formula of all(".katex")) {
        if (!formula.parentElement.checkVisibility()) continue;
        const { width, height } = formula.getBoundingClientRect();
        if (!width || !height) found.push(`without size: ${say(formula)}`);
        const spoken = formula.querySelector(".katex-mathml");
        if (formula.querySelector(".katex-html") && spoken) {
          // The style sheet is missing where the copy for screen readers takes room.
          if (getComputedStyle(spoken).position !== "absolute") found.push("without KaTeX's style");
        }
      }
      for (const error of all(".katex-error")) found.push(`${error.title}: ${say(error)}`);
      return [...new Set(found)];
    },

    images() {
      return all("img").flatMap((image) => {
        const alt = image.getAttribute("alt");
        const file = decodeURI(image.currentSrc).split("/").pop();
        if (alt === null) return [`no alt text: ${file.slice(0, 60)}`];
        if (/\.(png|svg|jpe?g|webp)$/i.test(alt)) return [`a file name as alt text: ${alt}`];
        const decorates = image.closest("a, button")?.textContent.trim();
        return alt.trim() || decorates ? [] : [`empty alt text: ${file.slice(0, 60)}`];
      });
    },

    // A drawing tells something, and has a name; or it is only for the eye, and says so.
    drawings() {
      return all("svg")
        .filter((svg) => svg.checkVisibility() && !svg.parentElement.closest("svg"))
        // The name of a button is checked by axe-core.
        .filter((svg) => !svg.closest("[aria-hidden=true], .katex, button"))
        .filter((svg) => !label(svg.closest("[role=img], [role=group], [role=application]") ?? svg))
        .map((svg) => `neither named nor hidden: ${say(svg)} in ${say(svg.parentElement)}`);
    },

    figures() {
      return all("figure").flatMap((figure) =>
        figure.querySelector("figcaption")?.textContent.trim() ? [] : [`no caption: ${say(figure)}`],
      );
    },

    molecules() {
      return all("qm9-molecule").flatMap((molecule) => {
        const found = [];
        if (!customElements.get("qm9-molecule")) found.push("its script has not run");
        if (!all("svg circle", molecule.shadowRoot ?? molecule).length) found.push("no atoms");
        return found.map((problem) => `${problem}: ${label(molecule)}`);
      });
    },

    // Changes of colour are not motion.
    moving() {
      const still = /color|opacity|visibility|shadow|offset|composite|easing/i;
      return document.getAnimations().flatMap(({ effect, playState }) => {
        const keys = effect.getKeyframes().flatMap(Object.keys).filter((key) => !still.test(key));
        const moves = keys.length && playState === "running" && effect.getTiming().duration > 1;
        return moves ? [`${keys[0]} of ${say(effect.target)}`] : [];
      });
    },
  };
})()
