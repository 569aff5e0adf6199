// Ask the network: a molecule that a reader can change, and what the pretrained networks say of it.
// Scripts and weights (live/) are loaded when a reader asks for them, or touches an atom.
"use strict";
{
  const FILES = new URL("live/", document.currentScript.src);
  const EXPLORER = new URL("explorer/", document.currentScript.src);
  const STEP = 0.05; // Å, of a key and of a curve
  const [SHORTEST, LONGEST] = [0.8, 3]; // Å, of a bond that is pulled
  const UNIT = 100; // of the drawing per Å; as in balls.py
  const STICK = 9;
  const HINTS = {
    all: "Drag an atom to move it; drag beside the atoms to turn the molecule.",
    landing: "Drag an atom, and see what the network says.",
    bond: "Pull the bond. Drag the picture to turn it.",
    symmetry: "Drag the picture to look at it from another side.",
  };
  const VIRIDIS = "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725".split(
    " ",
  );

  const { make, load } = qm9Page;
  const written = (value, decimals) =>
    value
      .toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
      .replace("-", "−");

  // One network for all molecules of a page.
  let loading = null;
  const network = (mark) => {
    loading ??= (async () => {
      const names = ["network.js", "xyz.js", "model.js"];
      await Promise.all(names.map((name) => load(new URL(`${name}?v=${mark}`, FILES))));
      return qm9Network.make(qm9Model);
    })().catch((error) => {
      loading = null; // the next one may get through
      throw error;
    });
    return loading;
  };

  // --------------------------------------------------------------------------------- the molecule

  const symbolOf = (z) => qm9Model.domain.symbols[z];
  const formula = (z) =>
    [6, 1, 7, 8, 9]
      .map((one) => [symbolOf(one), z.filter((other) => other === one).length])
      .filter(([, count]) => count)
      .map(([symbol, count]) => symbol + (count > 1 ? count : ""))
      .join("");

  // Three axes of a molecule, longest first, by Jacobi's rotations; as geometry.py turns it.
  const axesOf = (x) => {
    const n = x.length / 3;
    const middle = [0, 1, 2].map(
      (k) => x.reduce((sum, v, i) => (i % 3 === k ? sum + v : sum), 0) / n,
    );
    const m = [0, 1, 2].map((a) =>
      [0, 1, 2].map((b) => {
        let sum = 0;
        for (let i = 0; i < n; i++) sum += (x[3 * i + a] - middle[a]) * (x[3 * i + b] - middle[b]);
        return sum;
      }),
    );
    const axes = [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ];
    for (let round = 0; round < 10; round++) {
      for (const [a, b] of [
        [0, 1],
        [0, 2],
        [1, 2],
      ]) {
        if (Math.abs(m[a][b]) < 1e-14) continue;
        const ratio = (m[b][b] - m[a][a]) / (2 * m[a][b]);
        const tangent = (ratio < 0 ? -1 : 1) / (Math.abs(ratio) + Math.hypot(ratio, 1));
        const cosine = 1 / Math.hypot(tangent, 1);
        const sine = tangent * cosine;
        for (const rows of [m, axes]) {
          const [p, q] = [rows[a], rows[b]];
          rows[a] = p.map((v, k) => cosine * v - sine * q[k]);
          rows[b] = p.map((v, k) => sine * v + cosine * q[k]);
        }
        for (const row of m) {
          [row[a], row[b]] = [cosine * row[a] - sine * row[b], sine * row[a] + cosine * row[b]];
        }
      }
    }
    const order = [0, 1, 2].sort((a, b) => m[b][b] - m[a][a]);
    const [first, second] = order.map((a) => axes[a]);
    const third = [0, 1, 2].map(
      (i) => first[(i + 1) % 3] * second[(i + 2) % 3] - first[(i + 2) % 3] * second[(i + 1) % 3],
    );
    return [first, second, third];
  };

  // What the viewer turns: <qm9-molecule>, filled anew when atoms, bonds or colours change.
  class Picture {
    constructor(onDrag, onChoose) {
      this.box = make("figure", { className: "qm9-molecule" });
      this.onDrag = onDrag;
      this.onChoose = onChoose;
    }

    // A molecule from its best side; the frame stays while its atoms are moved.
    show(z, x, bonds, colors, aspect = 0.8) {
      const axes = axesOf(x);
      const n = z.length;
      const turned = Array.from({ length: n }, (_, a) =>
        axes.map((axis) => axis.reduce((sum, v, k) => sum + v * x[3 * a + k], 0)),
      );
      const middle = [0, 1, 2].map((k) => {
        const along = turned.map((at) => at[k]);
        return (Math.min(...along) + Math.max(...along)) / 2;
      });
      const [ca, sa, cb, sb] = [0.936, 0.352, 0.96, 0.28]; // a little from the side, as in balls.py
      const tilt = ([p, q, r]) => {
        const [p1, r1] = [cb * p + sb * r, cb * r - sb * p];
        return [p1, ca * q - sa * r1, ca * r1 + sa * q];
      };
      // The rows of the whole rotation: tilt, after the axes.
      const columns = [0, 1, 2].map((k) => tilt(axes.map((axis) => axis[k])));
      this.frame = [0, 1, 2].map((i) => columns.map((column) => column[i]));
      this.offset = tilt(middle);
      const places = this.places(x);
      const reach = Math.max(
        ...places.map((p, a) => Math.hypot(...p) + this.radius(z[a])),
        1.9 * UNIT,
      );
      const half = Math.ceil(1.25 * reach); // room to drag an atom
      const high = Math.ceil(aspect * half);
      const element = document.createElement("qm9-molecule");
      element.dataset.name = formula(z);
      const balls = places.map((p, a) => [...p, this.radius(z[a])].join(" "));
      element.dataset.atoms = [`${4 * reach} ${STICK}`, ...balls].join(";");
      element.innerHTML =
        `<svg viewBox="${-half} ${-high} ${2 * half} ${2 * high}" text-anchor="middle" role="img" ` +
        'font-family="system-ui, sans-serif" font-weight="600"><defs>' +
        '<radialGradient id="qm9-ask-ball" cx=".42" cy=".4" r=".62" fx=".33" fy=".28">' +
        '<stop offset="0" stop-color="#fff" stop-opacity=".75"/>' +
        '<stop offset=".35" stop-color="#fff" stop-opacity=".12"/>' +
        '<stop offset=".6" stop-color="#000" stop-opacity="0"/>' +
        '<stop offset="1" stop-color="#000" stop-opacity=".5"/></radialGradient></defs><g></g></svg>';
      this.element = element;
      this.box.replaceChildren(element);
      this.svg = element.querySelector("svg");
      this.drag();
      this.fill(z, x, bonds, colors);
    }

    clear(words) {
      this.element = null;
      this.box.replaceChildren(make("p", {}, words));
    }

    radius(z) {
      return UNIT * (0.2 + 0.3 * qm9Model.domain.radii[z]);
    }

    places(x) {
      return Array.from({ length: x.length / 3 }, (_, a) =>
        this.frame.map(
          (row, i) =>
            UNIT * (row.reduce((sum, v, k) => sum + v * x[3 * a + k], 0) - this.offset[i]),
        ),
      );
    }

    // From a step before the reader (Å; right, up, nearer) to one of the molecule's own axes.
    unturned(step) {
      const seen = this.element.axes;
      const frame = [0, 1, 2].map((k) => seen.reduce((sum, axis, i) => sum + axis[k] * step[i], 0));
      return [0, 1, 2].map((k) => this.frame.reduce((sum, row, i) => sum + row[k] * frame[i], 0));
    }

    // Draw these atoms, in the frame that stands.
    fill(z, x, bonds, colors, chosen = null) {
      const layer = this.svg.querySelector("g");
      const light = this.svg.querySelector("radialGradient").id; // the viewer has given it a number
      const svg = (tag, settings, ...children) => {
        const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
        for (const [name, value] of Object.entries(settings)) element.setAttribute(name, value);
        element.append(...children);
        return element;
      };
      const balls = z.map((one, a) => {
        const [r, color] = [this.radius(one), colors[a]];
        const ring =
          a === chosen
            ? { stroke: "#e66100", "stroke-width": 7 }
            : { stroke: "currentColor", "stroke-width": 2 };
        return svg(
          "g",
          { "data-n": a, class: "qm9-ask-atom" },
          svg("circle", { r, fill: color, ...ring }),
          svg("circle", { r, fill: `url(#${light})` }),
          svg("text", { y: ".35em", "font-size": 0.9 * r, fill: inkOn(color) }, symbolOf(one)),
        );
      });
      const sticks = bonds.flatMap(([a, b]) =>
        [
          [a, b],
          [b, a],
        ].map(([i, j]) =>
          svg(
            "g",
            { "data-n": `${i} ${j}` },
            svg("path", { fill: colors[i], stroke: "currentColor", "stroke-width": 1 }),
          ),
        ),
      );
      layer.replaceChildren(...sticks, ...balls);
      const places = this.places(x);
      const { element } = this;
      const parts = [...layer.children].map((part) => [
        part,
        ...part.dataset.n.split(" ").map(Number),
      ]);
      parts.sort((p, q) => p.length - q.length || p[1] - q[1] || p[2] - q[2]);
      Object.assign(element, {
        parts,
        layer,
        atoms: places.map((p, a) => [...p, this.radius(z[a])]),
      });
      this.svg.setAttribute("aria-label", `${formula(z)}: ${z.map(symbolOf).join(", ")}`);
      element.move([0, 0, 1]);
    }

    // A ball follows the pointer; beside the balls, the viewer turns the whole.
    drag() {
      let held = null;
      const atom = (event) => event.target.closest(".qm9-ask-atom");
      this.svg.addEventListener(
        "pointerdown",
        (event) => {
          if (event.button || !atom(event)) return;
          event.stopPropagation();
          event.preventDefault();
          held = {
            atom: Number(atom(event).dataset.n),
            x: event.clientX,
            y: event.clientY,
            id: event.pointerId,
            first: true,
          };
          this.svg.setPointerCapture(event.pointerId);
          this.onChoose(held.atom);
        },
        true,
      );
      this.svg.addEventListener("pointermove", (event) => {
        if (!held || event.pointerId !== held.id) return;
        const { camera, zoom } = this.element;
        const depth = this.element.axes[2].reduce(
          (sum, v, k) => sum + v * this.element.atoms[held.atom][k],
          0,
        );
        const scale = this.svg.viewBox.baseVal.width / this.svg.clientWidth / UNIT;
        const near = (camera - depth) / (zoom * camera);
        const step = [
          scale * near * (event.clientX - held.x),
          -scale * near * (event.clientY - held.y),
          0,
        ];
        [held.x, held.y] = [event.clientX, event.clientY];
        this.onDrag(held.atom, this.unturned(step), held.first);
        held.first = false;
      });
      for (const name of ["pointerup", "pointercancel"]) {
        this.svg.addEventListener(name, () => {
          held = null;
        });
      }
    }
  }

  const channels = (color) => [1, 3, 5].map((k) => parseInt(color.slice(k, k + 2), 16));
  const inkOn = (color) => {
    const [r, g, b] = channels(color)
      .map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
  };
  // From blue to yellow, as in balls.py.
  const scaleColor = (value, low, high) => {
    const at = high > low ? ((value - low) / (high - low)) * (VIRIDIS.length - 1) : 0;
    const k = Math.min(Math.floor(at), VIRIDIS.length - 2);
    const [a, b] = [channels(`#${VIRIDIS[k]}`), channels(`#${VIRIDIS[k + 1]}`)];
    return `#${a
      .map((c, i) =>
        Math.round(c + (at - k) * (b[i] - c))
          .toString(16)
          .padStart(2, "0"),
      )
      .join("")}`;
  };

  // The atoms on b's side of the bond of a and b; b alone where the bond is in a ring.
  const side = (n, bonds, a, b) => {
    const found = new Set([b]);
    const open = [b];
    while (open.length) {
      const at = open.pop();
      for (const [p, q] of bonds) {
        for (const [from, to] of [
          [p, q],
          [q, p],
        ]) {
          if (from !== at || found.has(to) || (at === b && to === a)) continue;
          if (to === a) return new Set([b]);
          found.add(to);
          open.push(to);
        }
      }
    }
    return found;
  };

  // The positions with atoms moved along a bond, until it has this length.
  const pulledTo = (x, length, from, to, group) => {
    const r = qm9Network.distance(x, from, to);
    const y = [...x];
    for (const atom of group) {
      for (let k = 0; k < 3; k++) {
        y[3 * atom + k] += ((length - r) * (x[3 * to + k] - x[3 * from + k])) / r;
      }
    }
    return y;
  };

  // ------------------------------------------------------------------------------------- the tool

  let tools = 0;

  class Tool {
    constructor(root, answering) {
      this.root = root;
      this.network = answering;
      this.id = `qm9-ask-${++tools}`;
      this.mode = root.dataset.mode;
      this.free = ["all", "landing"].includes(this.mode); // atoms can be moved
      this.status = root.querySelector(".qm9-ask-status");
      this.chosen = null;
      this.colored = false;
      this.past = [];
      this.picture = new Picture(
        (atom, step, first) => this.moveAtom(atom, step, first),
        (atom) => this.choose(atom),
      );
      this.answerBox = make("div", { className: "qm9-ask-answer" });
      this.build();
    }

    build() {
      const hint = make("p", { className: "qm9-hint" }, HINTS[this.mode]);
      const holder = make("div", { className: "qm9-molecules qm9-one" }, this.picture.box, hint);
      holder.addEventListener("keydown", (event) => this.key(event), true);
      const [controls, more] = [make("div"), make("div")];
      if (this.mode === "all") {
        controls.append(this.atomBar(), this.bondBar(), this.colorBar());
        more.append(this.moleculeBar(), this.text());
      } else if (this.mode === "bond") {
        controls.append(this.bondBar());
        more.append(this.curve());
      } else if (this.mode === "symmetry") {
        controls.append(this.motions());
      } else {
        controls.append(this.button("Start again", () => this.open(this.first)));
      }
      const picture = this.root.querySelector(".qm9-ask-picture");
      const style = picture.querySelector("style"); // of the viewer
      const stage = make(
        "div",
        { className: "qm9-ask-stage" },
        style,
        holder,
        this.answerBox,
        controls,
        more,
      );
      picture.replaceWith(stage);
      this.root.querySelector(".qm9-ask-start").remove();
      if (this.mode === "all") more.firstElementChild.append(this.status);
      this.first = qm9Model.molecules.find(({ name }) => name === this.root.dataset.molecule);
      this.open(this.first);
    }

    // -- parts that are made once

    button(text, action) {
      const made = make("button", { type: "button" }, text);
      made.addEventListener("click", action);
      return made;
    }

    field(words, input) {
      input.id ||= `${this.id}-${words.toLowerCase().replace(/\W+/g, "-")}`;
      return make(
        "span",
        { className: "qm9-ask-field" },
        make("label", { htmlFor: input.id }, words),
        input,
      );
    }

    atomBar() {
      this.atoms = make("select");
      this.atoms.addEventListener("change", () =>
        this.choose(this.atoms.value === "" ? null : Number(this.atoms.value)),
      );
      this.elements = make(
        "select",
        {},
        ...qm9Model.domain.elements.map((z) => new Option(symbolOf(z), z)),
      );
      this.elements.addEventListener("change", () => {
        if (this.chosen === null) return;
        this.remember();
        this.z[this.chosen] = Number(this.elements.value);
        this.changed();
      });
      return make(
        "div",
        { className: "qm9-ask-bar" },
        this.field("Atom", this.atoms),
        this.field("Element", this.elements),
      );
    }

    bondBar() {
      this.bondList = make("select");
      this.bondList.addEventListener("change", () => {
        this.showLength();
        if (this.plot) this.drawCurve();
      });
      this.length = make("input", { type: "range", min: SHORTEST, max: LONGEST, step: 0.01 });
      this.lengthText = make("output");
      this.length.addEventListener("input", () => this.stretch(Number(this.length.value)));
      const length = this.field("Length", this.length);
      length.classList.add("qm9-ask-wide");
      this.lengthText.htmlFor = this.length.id;
      return make(
        "div",
        { className: "qm9-ask-bar" },
        this.field("Bond", this.bondList),
        length,
        this.lengthText,
      );
    }

    colorBar() {
      this.colors = make(
        "select",
        {},
        new Option("element", ""),
        new Option("energy of each atom", "energy"),
      );
      this.colors.addEventListener("change", () => {
        this.colored = this.colors.value === "energy";
        this.draw();
      });
      this.bar = make("span", { className: "qm9-ask-scale", hidden: true });
      return make("div", { className: "qm9-ask-bar" }, this.field("Colour", this.colors), this.bar);
    }

    moleculeBar() {
      this.molecules = make(
        "select",
        {},
        ...qm9Model.molecules.map(({ name }) => new Option(name, name)),
        new Option("your own", ""),
      );
      this.molecules.options[this.molecules.length - 1].disabled = true;
      this.molecules.addEventListener("change", () =>
        this.open(qm9Model.molecules[this.molecules.selectedIndex]),
      );
      this.wanted = make("input", { type: "search", spellcheck: false, autocomplete: "off" });
      const find = () => this.find(this.wanted.value.trim());
      this.wanted.addEventListener("keydown", (event) => event.key === "Enter" && find());
      this.undoButton = this.button("Undo", () => this.undo());
      return make(
        "div",
        {},
        make(
          "div",
          { className: "qm9-ask-bar" },
          this.field("Molecule", this.molecules),
          this.undoButton,
        ),
        make(
          "div",
          { className: "qm9-ask-bar" },
          this.field("Any of the explorer: number, formula or SMILES", this.wanted),
          this.button("Find", find),
        ),
      );
    }

    text() {
      this.xyz = make("textarea", { rows: 10, spellcheck: false, id: `${this.id}-xyz` });
      this.wrong = make("p", { className: "qm9-ask-wrong", role: "alert" });
      let waiting;
      this.xyz.addEventListener("input", () => {
        clearTimeout(waiting);
        waiting = setTimeout(() => {
          this.typing = true; // what is being written stays as it is
          this.read(this.xyz.value, "the text");
          this.typing = false;
        }, 300);
      });
      const file = make("input", { type: "file", accept: ".xyz,.extxyz,.txt,text/plain" });
      file.addEventListener("change", async () => {
        if (!file.files.length) return;
        const [chosen] = file.files;
        try {
          this.read(decoded(await chosen.arrayBuffer(), chosen.name), chosen.name);
        } catch (error) {
          this.wrong.textContent = error.message;
        }
        file.value = ""; // the same file can be opened again
      });
      this.several = make("select", { "aria-label": "Molecule of the file", hidden: true });
      this.several.addEventListener("change", () =>
        this.open(this.fileMolecules[this.several.selectedIndex]),
      );
      return make(
        "details",
        {},
        make("summary", {}, "Atoms as text (XYZ): read, paste, or open a file"),
        make(
          "label",
          { htmlFor: this.xyz.id },
          "Number of atoms, a comment, and for each atom its element and x, y, z in Å",
        ),
        this.xyz,
        this.wrong,
        make("div", { className: "qm9-ask-bar" }, this.field("Open a file", file), this.several),
      );
    }

    motions() {
      const turn = () => {
        const [a, b, c] = [0, 1, 2].map(() => Math.random() * 2 * Math.PI);
        const rotate = (p, q, angle) => (x) => {
          const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
          const y = x.slice();
          for (let i = 0; i < x.length; i += 3) {
            y[i + p] = cos * x[i + p] - sin * x[i + q];
            y[i + q] = sin * x[i + p] + cos * x[i + q];
          }
          return y;
        };
        this.x = [rotate(0, 1, a), rotate(1, 2, b), rotate(0, 2, c)].reduce(
          (x, by) => by(x),
          this.x,
        );
      };
      const mirror = () => {
        this.x = this.x.map((v, i) => (i % 3 === 2 ? -v : v));
      };
      const renumber = () => {
        const order = this.z.map((_, a) => a);
        for (let i = order.length - 1; i > 0; i--) {
          const j = Math.floor(Math.random() * (i + 1));
          [order[i], order[j]] = [order[j], order[i]];
        }
        if (order[0] === 0) order.push(order.shift()); // another atom is the first
        const [z, x] = [this.z, this.x];
        this.z = order.map((a) => z[a]);
        this.x = order.flatMap((a) => x.slice(3 * a, 3 * a + 3));
      };
      const put = (name, motion) =>
        this.button(name, () => {
          this.before = this.broken();
          motion();
          this.show();
        });
      return make(
        "div",
        { className: "qm9-ask-bar" },
        put("Turn", turn),
        put("Mirror", mirror),
        put("Renumber", renumber),
        this.button("Start again", () => this.open(this.first)),
      );
    }

    curve() {
      this.plot = make("div", { className: "qm9-ask-plot" });
      return this.plot;
    }

    // -- what is shown now

    // A molecule: of the list, of a file, or of the explorer.
    open(molecule) {
      this.z = molecule.z ?? molecule.symbols.map((symbol) => qm9Xyz.SYMBOLS.indexOf(symbol) + 1);
      this.z = [...this.z];
      this.x = [...(molecule.x ?? molecule.positions)];
      this.source = molecule;
      this.comment = molecule.comment ?? "";
      this.chosen = null;
      this.past = [];
      this.before = null;
      if (this.molecules) this.molecules.value = molecule.name ?? "";
      this.show();
    }

    remember() {
      this.past.push({ z: [...this.z], x: [...this.x], source: this.source });
    }

    undo() {
      const last = this.past.pop();
      if (!last) return;
      Object.assign(this, last);
      this.chosen = null;
      this.show();
    }

    // Show a molecule that is new as a whole.
    show() {
      this.lists(true);
      this.answer();
      this.draw(true);
      this.writeText();
      if (this.plot) this.drawCurve();
    }

    // Show what has changed in it.
    changed() {
      this.source = null;
      if (this.molecules) this.molecules.value = "";
      this.lists();
      this.answer();
      this.draw();
      this.writeText();
      if (this.plot) this.drawCurve();
    }

    // The picture, from its best side where the molecule is another one.
    draw(fresh = false) {
      const { picture, z, x, bonds, chosen } = this;
      if (!this.known()) picture.clear("The picture shows H, C, N, O and F only.");
      else if (fresh || !picture.element) picture.show(z, x, bonds, this.ballColors());
      else picture.fill(z, x, bonds, this.ballColors(), chosen);
    }

    // Whether all its elements are those of QM9.
    known() {
      return this.z.every((z) => z in qm9Model.domain.radii);
    }

    // The lists to choose from: anew where the molecule is another one.
    lists(fresh = false) {
      this.bonds = this.known() ? this.network.bonds(this.z, this.x) : [];
      const name = (a) => `${qm9Xyz.SYMBOLS[this.z[a] - 1]}${a + 1}`;
      if (this.atoms) {
        this.atoms.replaceChildren(
          new Option("none", ""),
          ...this.z.map((_, a) => new Option(name(a), a)),
        );
        this.atoms.value = this.chosen ?? "";
        this.elements.disabled = this.chosen === null;
        if (this.chosen !== null) this.elements.value = this.z[this.chosen];
        this.undoButton.disabled = !this.past.length;
      }
      if (this.bondList) {
        const kept = fresh ? "" : this.bondList.value;
        const listed = this.bonds.map((pair) => pair.join(" "));
        if (kept && !listed.includes(kept)) listed.unshift(kept); // torn, and to be joined again
        const words = (pair) =>
          pair
            .split(" ")
            .map((a) => name(Number(a)))
            .join("–");
        this.bondList.replaceChildren(...listed.map((pair) => new Option(words(pair), pair)));
        this.bondList.value = kept || (listed[0] ?? "");
        this.length.disabled = !listed.length;
        this.showLength();
      }
    }

    showLength() {
      if (!this.bondList.value) {
        this.lengthText.textContent = "";
        return;
      }
      const [a, b] = this.bondList.value.split(" ").map(Number);
      const r = qm9Network.distance(this.x, a, b);
      this.length.value = r;
      this.lengthText.textContent = `${written(r, 2)} Å`;
    }

    ballColors() {
      const plain = this.z.map((z) => qm9Model.colors[z]);
      const own = this.own();
      if (this.bar) {
        this.bar.hidden = !(this.colored && own);
        if (!this.bar.hidden) {
          const [low, high] = [Math.min(...own), Math.max(...own)];
          this.bar.replaceChildren(
            make("span", {}, written(low, 0)),
            make("i"),
            make("span", {}, `${written(high, 0)} kcal/mol`),
          );
        }
      }
      if (!this.colored || !own) return plain;
      const [low, high] = [Math.min(...own), Math.max(...own)];
      return own.map((value) => scaleColor(value, low, high));
    }

    // What each atom adds to the atomization enthalpy, kcal/mol.
    own() {
      const { atoms } = this.result;
      if (!atoms) return null;
      return this.z.map((z, a) => (atoms[a] - qm9Model.freeAtoms[z]) * qm9Model.factor);
    }

    writeText() {
      if (!this.xyz || this.typing) return;
      const rows = this.z.map((z, a) => {
        const place = [0, 1, 2].map((k) => this.x[3 * a + k].toFixed(5).padStart(10));
        return `${qm9Xyz.SYMBOLS[z - 1].padEnd(2)} ${place.join(" ")}`;
      });
      this.xyz.value = [this.z.length, this.comment, ...rows].join("\n");
      this.wrong.textContent = "";
    }

    read(text, file) {
      let found;
      try {
        found = qm9Xyz.parse(text, file);
      } catch (error) {
        this.wrong.textContent = error.message;
        return;
      }
      this.wrong.textContent = "";
      this.fileMolecules = found;
      this.several.hidden = found.length < 2;
      this.several.replaceChildren(
        ...found.slice(0, 1000).map((_, i) => new Option(`molecule ${i + 1} of ${found.length}`)),
      );
      this.open(found[0]);
    }

    async find(wanted) {
      if (!wanted) return;
      try {
        if (typeof qm9Explorer === "undefined") {
          this.say("Loading the molecules of the explorer …");
          await load(new URL("qm9.js", EXPLORER));
        }
      } catch (error) {
        this.say(`${error.message}. Try again.`);
        return;
      }
      const { molecules, dataset } = qm9Explorer;
      const matches = molecules.index
        .map((_, i) => i)
        .filter(
          (i) =>
            String(molecules.index[i]) === wanted ||
            molecules.smiles[i] === wanted ||
            molecules.formula[i].toLowerCase() === wanted.toLowerCase(),
        );
      if (!matches.length) {
        this.say(`None of the ${written(molecules.index.length, 0)} molecules is ${wanted}.`);
        return;
      }
      // The next one at each call, where several have the formula.
      const next = matches[(matches.indexOf(this.found) + 1) % matches.length];
      this.found = next;
      const { names, x, y, z } = dataset.structures[next];
      this.open({
        symbols: names,
        x: names.flatMap((_, a) => [x[a], y[a], z[a]]),
        published: dataset.properties[qm9Model.label].values[next],
        comment: molecules.smiles[next],
      });
      const others =
        matches.length > 1
          ? ` (${matches.indexOf(next) + 1} of ${matches.length}; Find shows the next)`
          : "";
      this.say(`${molecules.formula[next]}, number ${molecules.index[next]}${others}.`);
    }

    // -- what a reader does

    choose(atom) {
      if (!this.free) return;
      this.chosen = atom;
      this.lists();
      this.draw();
    }

    moveAtom(atom, step, first = true) {
      if (!this.free) return;
      if (first) this.remember();
      step.forEach((v, k) => {
        this.x[3 * atom + k] += v;
      });
      this.later();
    }

    // Pull a bond to a length: the smaller of its two sides moves.
    stretch(length) {
      const [a, b] = this.bondList.value.split(" ").map(Number);
      if (!this.pulled) {
        this.remember();
        const n = this.z.length;
        const [one, other] = [side(n, this.bonds, a, b), side(n, this.bonds, b, a)];
        this.pulled = one.size <= other.size ? [a, b, one] : [b, a, other];
        this.length.addEventListener(
          "change",
          () => {
            this.pulled = null;
          },
          { once: true },
        );
      }
      this.x = pulledTo(this.x, length, ...this.pulled);
      this.later();
    }

    key(event) {
      const others = event.ctrlKey || event.altKey || event.metaKey;
      if (others || this.chosen === null || !this.picture.element) return;
      const steps = {
        ArrowLeft: [-1, 0, 0],
        ArrowRight: [1, 0, 0],
        ArrowUp: [0, 1, 0],
        ArrowDown: [0, -1, 0],
        PageUp: [0, 0, -1],
        PageDown: [0, 0, 1],
      };
      if (event.key === "Escape") this.choose(null);
      else if (event.key in steps) {
        const step = steps[event.key].map((v) => v * STEP);
        this.moveAtom(this.chosen, this.picture.unturned(step));
      } else return;
      event.preventDefault();
      event.stopPropagation();
    }

    // At most one answer for each picture that the screen shows.
    later() {
      this.frame ??= requestAnimationFrame(() => {
        this.frame = null;
        this.changed();
      });
    }

    // -- the answer

    answer() {
      performance.mark("qm9-ask");
      const symbols = this.z.map((z) => qm9Xyz.SYMBOLS[z - 1]);
      this.result = this.network.ask({ symbols, positions: this.x, comment: this.comment });
      performance.measure("qm9-answer", "qm9-ask");
      const { value, uncertainty, atomization, warnings } = this.result;
      const rows = [];
      const put = (term, text, note) =>
        rows.push(
          make(
            "div",
            {},
            make("dt", {}, term),
            make("dd", {}, text, ...(note ? [make("small", {}, ` ${note}`)] : [])),
          ),
        );
      if (value === null) {
        put("Prediction", "none");
      } else {
        put("Enthalpy H", `${written(value, 5)} hartree`);
        put(
          "Atomization enthalpy",
          `${written(atomization, 1)} kcal/mol`,
          this.mode === "all" ? "H less that of the free atoms" : "",
        );
        put("Expected error", `${written(uncertainty, 1)} kcal/mol`);
        if (this.source?.published !== undefined) {
          const off = (value - this.source.published) * qm9Model.factor;
          put(
            "H in QM9",
            `${written(this.source.published, 5)} hartree`,
            `the network is off by ${written(off, 1)} kcal/mol`,
          );
        }
        if (this.mode === "symmetry") this.compareModels(put);
      }
      const doubtful = value !== null && warnings.length > 0;
      const list = warnings.map((text) => make("li", {}, text));
      this.answerBox.replaceChildren(
        make("dl", { className: doubtful ? "qm9-ask-doubtful" : "" }, ...rows),
        ...(list.length
          ? [
              make(
                "p",
                { className: "qm9-ask-warned" },
                doubtful ? "Do not trust these numbers:" : "Why:",
              ),
              make("ul", { className: "qm9-ask-warnings" }, ...list),
            ]
          : []),
      );
      clearTimeout(this.saying);
      const words =
        value === null
          ? warnings[0]
          : `${formula(this.z)}: ${written(atomization, 1)} kcal/mol, ` +
            (warnings.length
              ? `not to be trusted: ${warnings[0]}`
              : `expected error ${written(uncertainty, 1)} kcal/mol`);
      if (this.spoken !== undefined) this.saying = setTimeout(() => this.say(words), 700);
      this.spoken = words;
    }

    // The wrong model of the chapter: it sees coordinates, and the first atom is special.
    broken() {
      const { z, x } = this;
      return z.reduce((sum, one, a) => sum + one * (1 + x[3 * a + 2] - x[2]), 0) / z.length;
    }

    compareModels(put) {
      const now = this.broken();
      const changed = this.before !== null && Math.abs(now - this.before) > 1e-6;
      put("Broken model", written(now, 3), changed ? `≠ ${written(this.before, 3)} before` : "");
    }

    // The energy along the bond: a point for each length, hollow where there is a warning.
    drawCurve() {
      const [a, b] = this.bondList.value.split(" ").map(Number);
      if (!this.points || this.curveOf !== this.bondList.value) {
        this.curveOf = this.bondList.value;
        this.points = [];
        const group = side(this.z.length, this.bonds, a, b);
        for (let length = SHORTEST; length < LONGEST + 0.001; length += STEP) {
          const x = pulledTo(this.x, length, a, b, group);
          const { atomization, warnings, value } = this.network.predict(this.z, x);
          const warned = warnings.length > 0;
          if (value !== null) this.points.push({ length, value: atomization, warned });
        }
      }
      this.plot.replaceChildren(curve(this.points, qm9Network.distance(this.x, a, b), this.result));
    }

    say(text) {
      clearTimeout(this.saying); // what was to be said of the molecule before
      this.status.textContent = text;
    }
  }

  // A text in an encoding that its first bytes tell, as xyz.py reads it.
  const decoded = (buffer, name) => {
    const bytes = new Uint8Array(buffer);
    const marks = [
      ["utf-16le", 0xff, 0xfe],
      ["utf-16be", 0xfe, 0xff],
    ];
    const [mark] = marks.find(([, a, b]) => bytes[0] === a && bytes[1] === b) ?? [];
    let text;
    try {
      text = new TextDecoder(mark ?? "utf-8", { fatal: true }).decode(bytes);
    } catch {
      text = new TextDecoder("latin1").decode(bytes);
    }
    if (text.includes("\0")) throw new Error(`${name} is not a text file, so it is not an XYZ file`);
    return text;
  };

  const curve = (points, length, result) => {
    const [wide, high, left, bottom] = [320, 190, 52, 34];
    const values = points.filter((p) => !p.warned).map((p) => p.value);
    const low = Math.min(...values) - 10;
    const top = low + 120;
    const toX = (v) => left + ((v - SHORTEST) / (LONGEST - SHORTEST)) * (wide - left - 8);
    const toY = (v) =>
      8 + ((top - Math.min(Math.max(v, low), top)) / (top - low)) * (high - bottom - 8);
    const dots = points
      .map(
        ({ length: r, value, warned }) =>
          `<circle cx="${toX(r).toFixed(1)}" cy="${toY(value).toFixed(1)}" r="2.4" ${warned ? 'fill="none" stroke="currentColor"' : 'fill="currentColor"'}/>`,
      )
      .join("");
    const now =
      result.value === null
        ? ""
        : `<circle cx="${toX(length).toFixed(1)}" cy="${toY(result.atomization).toFixed(1)}" r="6" fill="none" stroke="#e66100" stroke-width="3"/>`;
    const ticks = [1, 1.5, 2, 2.5, 3]
      .map((r) => `<text x="${toX(r)}" y="${high - bottom + 18}" text-anchor="middle">${r}</text>`)
      .join("");
    const heights = [low + 10, low + 60, low + 110]
      .map(
        (v) => `<text x="${left - 6}" y="${toY(v) + 4}" text-anchor="end">${written(v, 0)}</text>`,
      )
      .join("");
    const box = document.createElement("template");
    box.innerHTML =
      `<svg viewBox="0 0 ${wide} ${high}" role="img" aria-label="Atomization enthalpy along the bond: full points without a warning, hollow ones with one." font-size="12" fill="currentColor">` +
      `<path d="M${left} 8V${high - bottom}H${wide - 8}" fill="none" stroke="currentColor"/>${ticks}${heights}${dots}${now}` +
      `<text x="${(left + wide) / 2}" y="${high - 2}" text-anchor="middle">length of the bond (Å)</text>` +
      `<text transform="translate(11 ${(high - bottom) / 2}) rotate(-90)" text-anchor="middle">kcal/mol</text></svg>`;
    return box.content;
  };

  // --------------------------------------------------------------------------------- where it is

  for (const root of document.querySelectorAll(".qm9-ask")) {
    const status = root.querySelector(".qm9-ask-status");
    const starter = root.querySelector(".qm9-ask-start button");
    let started = null;
    const start = () => {
      started ??= (async () => {
        starter.setAttribute("aria-disabled", "true");
        status.textContent = "Loading the network …";
        try {
          const tool = new Tool(root, await network(root.dataset.mark));
          status.textContent = "The network is ready.";
          tool.picture.element?.focus({ preventScroll: true });
          return tool;
        } catch (error) {
          status.textContent = `The network could not start: ${error.message}. Try again.`;
          starter.removeAttribute("aria-disabled");
          started = null;
          return null;
        }
      })();
      return started;
    };
    starter.hidden = false;
    starter.addEventListener("click", start);
    // On the landing page a mouse or a finger on the picture asks, too.
    const picture = root.querySelector(".qm9-ask-picture");
    if (root.dataset.mode === "landing") picture.addEventListener("click", start);
    // A page that is opened with a molecule of the explorer asks at once: a click led here.
    if (root.dataset.mode === "all" && /^#gdb\d+$/.test(location.hash)) {
      start().then((tool) => tool?.find(location.hash.slice(4)));
    }
  }
}
