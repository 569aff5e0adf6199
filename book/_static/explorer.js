// The explorer: a map of QM9 (chemiscope), the molecule behind a point, and the same as a table.
// Nothing is loaded before the reader asks. The table works where the map cannot be drawn.
"use strict";
{
  const PAGE = 25;
  const FILES = new URL("explorer/", document.currentScript.src);
  const root = document.querySelector(".qm9-explorer");
  const status = root.querySelector(".qm9-explorer-status");
  const starter = root.querySelector(".qm9-explorer-start button");

  const { make } = qm9Page;
  const load = (name) => qm9Page.load(new URL(`${name}?v=${root.dataset.mark}`, FILES));

  const say = (text) => {
    status.textContent = text;
  };

  const number = (count) => count.toLocaleString("en-GB");

  // As many digits as the data set has, and a minus rather than a hyphen.
  const written = (value, decimals) => value.toFixed(decimals).replace("-", "−");

  // ---------------------------------------------------------------------------------- the map

  // Draw the map and the molecule; `picked` and `moved` hear of a click and of another window.
  const drawMap = async (data, map, structure, picked, moved) => {
    const warnings = new Chemiscope.Warnings();
    warnings.addHandler(say);
    const nowhere = () => document.createElement("div"); // the page has its own card and text
    const visualizer = await Chemiscope.DefaultVisualizer.load(
      { map, structure, info: nowhere(), meta: nowhere(), maxStructureViewers: 1 },
      data.dataset,
      warnings,
    );
    const show = visualizer.info.show.bind(visualizer.info);
    visualizer.info.show = (indexes) => {
      show(indexes);
      picked(indexes.structure);
    };
    visualizer.map.onSettingChange(moved);
    for (const panel of [map, structure]) {
      adapt(panel);
      // The wheel scrolls the page, as everywhere else on it.
      const pass = (event) => event.ctrlKey || event.stopPropagation();
      panel.addEventListener("wheel", pass, { capture: true, passive: true });
    }
    return visualizer;
  };

  // What chemiscope draws, for people who do not use a mouse, or see no faint grey.
  const adapt = (panel) => {
    const style = new CSSStyleSheet();
    style.replaceSync(`
      .chsp-viewer-button { display: none !important; }
      .modebar-btn .icon { opacity: 0.7 !important; }
      .modebar-btn.active .icon { opacity: 1 !important; }
      .modebar-btn.active .icon path { fill: #0b3d91 !important; }
      .modebar-btn { min-width: 24px; min-height: 24px; }
      .modebar-btn:focus-visible { outline: 3px solid #0b3d91 !important; }
      .chsp-structure-viewer-cell { border-color: transparent !important; }
    `);
    const roots = (element) =>
      [...element.querySelectorAll("*")]
        .filter((child) => child.shadowRoot)
        .flatMap(({ shadowRoot }) => [shadowRoot, ...roots(shadowRoot)]);
    for (const shadow of roots(panel)) {
      shadow.adoptedStyleSheets = [...shadow.adoptedStyleSheets, style];
      shadow.querySelector(".modebar")?.setAttribute("aria-label", "Map");
      for (const drawing of shadow.querySelectorAll("canvas, svg.main-svg")) {
        drawing.setAttribute("aria-hidden", "true");
      }
    }
  };

  // -------------------------------------------------------------------------------- the table

  // Make the table; `choose` is called with the row of a molecule that is picked in it.
  const makeTable = (data, choose) => {
    const { properties } = data.dataset;
    const { index, formula, smiles } = data.molecules;
    const text = (name, values) => ({ name, values, show: (i) => values[i] });
    const columns = [
      { ...text("number", index), header: true },
      text("formula", formula),
      text("SMILES", smiles),
      ...Object.entries(data.decimals).map(([name, decimals]) => ({
        name,
        values: properties[name].values,
        unit: properties[name].units,
        title: properties[name].description,
        show: (i) => written(properties[name].values[i], decimals),
      })),
    ];
    const state = { column: columns[0], down: false, page: 0, wanted: "", inside: null, row: 0 };
    let rows = [];

    const heads = columns.map((column) => {
      const button = make("button", { type: "button", title: column.title ?? "" }, column.name);
      if (column.unit) button.append(make("small", {}, ` ${column.unit}`));
      button.addEventListener("click", () => {
        state.down = state.column === column && !state.down;
        state.column = column;
        update();
        const order = state.down ? "falling" : "rising";
        say(`Table sorted by ${column.name}, ${order}.`);
      });
      return make("th", { scope: "col" }, button);
    });
    const body = make("tbody");
    const caption = make("caption");
    const table = make("table", {}, caption, make("thead", {}, make("tr", {}, ...heads)), body);
    const scroller = make(
      "div",
      { className: "qm9-explorer-scroll", tabIndex: 0, role: "region", "aria-label": "Molecules" },
      table,
    );
    const field = make("input", { type: "search", id: "qm9-explorer-wanted", spellcheck: false });
    field.autocomplete = "off";
    const turn = (step, name) => {
      const button = make("button", { type: "button" }, name);
      button.addEventListener("click", () => {
        state.page += step;
        update();
        say(caption.textContent);
      });
      return button;
    };
    const [back, on] = [turn(-1, "Previous rows"), turn(1, "Next rows")];
    let waiting;
    field.addEventListener("input", () => {
      state.wanted = field.value.trim();
      state.page = 0;
      update();
      clearTimeout(waiting);
      waiting = setTimeout(() => say(caption.textContent), 600); // not at each letter
    });

    const matches = (i) => {
      if (state.inside && !state.inside(i)) return false;
      // SMILES tell small letters from large ones; a formula is found either way.
      const { wanted } = state;
      return formula[i].toLowerCase() === wanted.toLowerCase() || smiles[i].includes(wanted);
    };

    const update = () => {
      const { column, down } = state;
      const compare =
        typeof column.values[0] === "number"
          ? (a, b) => column.values[a] - column.values[b]
          : (a, b) => column.values[a].localeCompare(column.values[b], "en", { numeric: true });
      const sign = down ? -1 : 1;
      rows = index.map((_, i) => i).filter(matches);
      rows.sort((a, b) => sign * compare(a, b) || a - b);
      const last = Math.max(0, Math.ceil(rows.length / PAGE) - 1);
      state.page = Math.min(Math.max(state.page, 0), last);
      const first = state.page * PAGE;
      const shown = rows.slice(first, first + PAGE);
      body.replaceChildren(...shown.map(line));
      heads.forEach((head, i) => {
        if (columns[i] === column) head.ariaSort = down ? "descending" : "ascending";
        else head.removeAttribute("aria-sort");
      });
      // A button that has the focus must stay one that can be reached.
      back.setAttribute("aria-disabled", state.page === 0);
      on.setAttribute("aria-disabled", state.page === last);
      const where = state.inside ? " in the part of the map that is shown" : "";
      caption.textContent = rows.length
        ? `Molecules ${number(first + 1)} to ${number(first + shown.length)} of ` +
          `${number(rows.length)}${where}`
        : `No molecule${where} has this formula, or this in its SMILES`;
    };

    const line = (i) => {
      const cells = columns.map((column) => {
        if (!column.header) return make("td", {}, column.show(i));
        const button = make("button", { type: "button" }, String(column.show(i)));
        button.setAttribute("aria-label", `${column.show(i)}: show ${formula[i]}`);
        button.addEventListener("click", () => choose(i));
        return make("th", { scope: "row" }, button);
      });
      const row = make("tr", {}, ...cells);
      if (i === state.row) row.setAttribute("aria-current", "true");
      row.dataset.row = i;
      return row;
    };

    update();
    return {
      element: make(
        "div",
        { className: "qm9-explorer-table" },
        make("h2", {}, "The molecules as a table"),
        make(
          "p",
          { className: "qm9-explorer-bar" },
          make("label", { htmlFor: field.id }, "Formula, or part of a SMILES: "),
          field,
        ),
        scroller,
        make("p", { className: "qm9-explorer-bar" }, back, on),
      ),
      mark(i) {
        state.row = i;
        for (const row of body.rows) {
          if (Number(row.dataset.row) === i) row.setAttribute("aria-current", "true");
          else row.removeAttribute("aria-current");
        }
      },
      restrict(inside) {
        if (!inside && !state.inside) return; // new rows would take the focus away
        state.inside = inside;
        state.page = 0;
        update();
      },
      // The molecule before or after another one, in the order of the table.
      beside(i, step) {
        const at = rows.indexOf(i);
        return rows[at < 0 ? 0 : (at + step + rows.length) % rows.length] ?? i;
      },
    };
  };

  // ------------------------------------------------------------------------------ all together

  const start = async () => {
    if (typeof qm9Explorer === "undefined") await load("qm9.js");
    if (typeof qm9Predicted === "undefined") await load("predicted.js");
    const data = qm9Explorer;
    const { properties } = data.dataset;
    const { index, formula, smiles } = data.molecules;
    const canvas = document.createElement("canvas");
    const drawable = Boolean(canvas.getContext("webgl2") ?? canvas.getContext("webgl"));
    if (drawable && !globalThis.Chemiscope) await load("chemiscope.min.js");

    let visualizer = null;
    const card = make("dl");
    const name = make("h2", { tabIndex: -1 });
    const ask = make("a", {}, "Ask the network about this molecule");
    const picked = (i) => {
      name.textContent = `${formula[i]}, number ${index[i]}`;
      const entry = (term, about, ...value) =>
        make("div", {}, make("dt", {}, term, make("small", {}, ` ${about}`)), make("dd", {}, ...value));
      card.replaceChildren(
        entry("SMILES", "the molecule as a line of text", smiles[i]),
        ...Object.entries(data.decimals).map(([key, decimals]) => {
          const { values, units = "", description } = properties[key];
          const value = `${written(values[i], decimals)} ${units}`.trim();
          const networks = qm9Predicted[key];
          if (!networks) return entry(key, description, value);
          const predicted = values[i] + networks.off[i] / 10 ** networks.decimals;
          const said = ` networks: ${written(predicted, networks.decimals)}`;
          return entry(key, description, value, make("small", {}, said));
        }),
      );
      ask.href = `ask.html#gdb${index[i]}`;
      table.mark(i);
      current = i;
    };
    const choose = (i) => {
      // The map moves its mark and shows the molecule; then it says so, as after a click.
      if (visualizer) visualizer.applySettings({ pinned: [i] });
      else picked(i);
      say(`${formula[i]}, number ${index[i]}, is shown.`);
    };
    let current = 0;
    const table = makeTable(data, choose);

    // Only the molecules in the map's window, once the reader has drawn one.
    const inside = () => {
      const { x, y } = visualizer.map.saveSettings();
      const within = ({ property, min, max }) => {
        const { values } = properties[property];
        return (i) => !(values[i] < min || values[i] > max); // before it is drawn: no limits
      };
      const [across, upwards] = [within(x), within(y)];
      const both = (i) => across(i) && upwards(i);
      return index.every((_, i) => both(i)) ? null : both;
    };
    let waiting;
    const moved = () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => table.restrict(inside()), 150);
    };

    const option = (key) => {
      const { units, description } = properties[key];
      return new Option(`${key}${units ? ` (${units})` : ""}: ${description}`, key);
    };
    const selects = {};
    const draw = (settings) => {
      for (const [axis, key] of Object.entries(settings)) selects[axis].value = key;
      const { x, y, color } = selects;
      visualizer.map.applySettings({
        x: { property: x.value },
        y: { property: y.value },
        color: { property: color.value },
      });
      say(`The map shows ${y.value} against ${x.value}, coloured by ${color.value}.`);
    };
    const choice = (axis, words) => {
      const options = Object.keys(properties).map(option);
      selects[axis] = make("select", { id: `qm9-explorer-${axis}` }, ...options);
      selects[axis].value = data.dataset.settings.map[axis].property;
      selects[axis].addEventListener("change", () => draw({}));
      return make(
        "span",
        { className: "qm9-explorer-choice" },
        make("label", { htmlFor: selects[axis].id }, words),
        selects[axis],
      );
    };
    const button = (text, action) => {
      const made = make("button", { type: "button" }, text);
      made.addEventListener("click", action);
      return made;
    };
    // A sign for the eye, and words for the ear.
    const sign = (shown, words, action) => {
      const made = button(words, action);
      made.title = words;
      const [seen, heard] = [make("span", { "aria-hidden": "true" }, shown), make("span")];
      heard.className = "visually-hidden";
      heard.textContent = words;
      made.replaceChildren(seen, heard);
      return made;
    };
    const viewer = () => visualizer.structure._cellsData.get(visualizer.structure.active).viewer;
    const turn = (angle, axis) => viewer()._viewer.rotate(angle, axis);

    const map = make("div", { className: "qm9-explorer-map" });
    const structure = make("div", { className: "qm9-explorer-molecule" });
    const heading = make("h2", { tabIndex: -1 }, "Map");
    const parts = [
      make(
        "div",
        { className: "qm9-explorer-bar" },
        choice("x", "Across"),
        choice("y", "Upwards"),
        choice("color", "Colour"),
      ),
      make(
        "div",
        { className: "qm9-explorer-panels" },
        make("div", { className: "qm9-explorer-card", role: "group", "aria-label": "Map" }, map),
        make(
          "div",
          { className: "qm9-explorer-card", role: "group", "aria-label": "Molecule" },
          structure,
        ),
      ),
      make(
        "div",
        { className: "qm9-explorer-bar" },
        button("Show all points", () => {
          map.firstElementChild.shadowRoot.querySelector("[data-title='Reset View']").click();
          say("The map shows all points.");
        }),
        make(
          "span",
          { className: "qm9-explorer-turn", role: "group", "aria-label": "Turn the molecule" },
          sign("←", "Turn left", () => turn(-20, "y")),
          sign("→", "Turn right", () => turn(20, "y")),
          sign("↑", "Turn up", () => turn(-20, "x")),
          sign("↓", "Turn down", () => turn(20, "x")),
          sign("+", "Larger", () => viewer()._viewer.zoom(1.25)),
          sign("−", "Smaller", () => viewer()._viewer.zoom(0.8)),
        ),
      ),
    ];
    const steps = make(
      "p",
      { className: "qm9-explorer-bar" },
      button("Previous molecule", () => choose(table.beside(current, -1))),
      button("Next molecule", () => choose(table.beside(current, 1))),
    );
    const stage = make(
      "div",
      { className: "qm9-explorer-stage" },
      ...(drawable ? [heading, ...parts] : []),
      make("div", { className: "qm9-explorer-values" }, name, card, make("p", {}, ask), steps),
      table.element,
    );

    for (const part of root.querySelectorAll(".qm9-explorer-start")) part.hidden = true;
    if (drawable) root.querySelector(".qm9-explorer-picture").hidden = true;
    status.after(stage);
    if (drawable) visualizer = await drawMap(data, map, structure, picked, moved);
    picked(0);
    (drawable ? heading : name).focus();
    say(
      drawable
        ? `The explorer is ready, with ${number(index.length)} molecules.`
        : "This browser cannot draw the map and the molecules: it has no WebGL. " +
            "The picture above and the table below show the same data.",
    );
    return drawable ? draw : () => say("This browser cannot draw the map: it has no WebGL.");
  };

  // One start, whichever button asks for it; after a failure, another one.
  let running = null;
  const run = () => {
    running ??= (async () => {
      starter.setAttribute("aria-disabled", "true");
      say("Loading the molecules …");
      try {
        return await start();
      } catch (error) {
        root.querySelector(".qm9-explorer-stage")?.remove();
        root.querySelector(".qm9-explorer-picture").hidden = false;
        root.querySelector(".qm9-explorer-start").hidden = false;
        say(`The explorer could not start: ${error.message}. Try again.`);
        running = null;
        return null;
      } finally {
        starter.removeAttribute("aria-disabled");
      }
    })();
    return running;
  };

  starter.hidden = false;
  starter.addEventListener("click", run);
  for (const setter of document.querySelectorAll(".qm9-explorer-set")) {
    setter.hidden = false;
    setter.addEventListener("click", async () => {
      const draw = await run();
      draw?.({ x: setter.dataset.x, y: setter.dataset.y, color: setter.dataset.colour });
      const smooth = !matchMedia("(prefers-reduced-motion: reduce)").matches;
      const heading = root.querySelector(".qm9-explorer-stage h2");
      heading?.focus({ preventScroll: true });
      heading?.scrollIntoView({ behavior: smooth ? "smooth" : "auto" });
    });
  }
}
