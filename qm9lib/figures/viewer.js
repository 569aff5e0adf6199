// Lets a reader turn the drawing in a <qm9-molecule>. Without this script it stays as it is.
(() => {
  if (customElements.get("qm9-molecule")) return;
  const STEP = Math.PI / 12;
  const HEAD = 40; // length of the head of an arrow
  // key or name of a button -> turn about the screen's x, about its y, zoom
  const MOVES = {
    ArrowLeft: [0, -STEP, 1], ArrowRight: [0, STEP, 1], ArrowUp: [-STEP, 0, 1], ArrowDown: [STEP, 0, 1],
    "+": [0, 0, 1.2], "=": [0, 0, 1.2], "-": [0, 0, 1 / 1.2], 0: null, Home: null,
  };
  const BUTTONS = [
    ["ArrowLeft", "Turn left", "←"], ["ArrowRight", "Turn right", "→"], ["ArrowUp", "Turn up", "↑"],
    ["ArrowDown", "Turn down", "↓"], ["+", "Zoom in", "+"], ["-", "Zoom out", "−"], ["0", "Reset", "⟲"],
  ];
  const num = (x, digits = 1) => +x.toFixed(digits) || 0; // never -0
  let seen = 0;

  customElements.define("qm9-molecule", class extends HTMLElement {
    connectedCallback() {
      if (document.readyState !== "loading") this.start();
      else addEventListener("DOMContentLoaded", () => this.start()); // the drawing is not read yet
    }

    start() {
      globalThis.qm9Inline?.(this);
      const svg = this.querySelector("svg");
      if (this.atoms || !svg) return; // moved in the page, not new
      this.svg = svg;
      const [[camera, width], ...atoms] = this.dataset.atoms.split(";").map((a) => a.split(" ").map(Number));
      Object.assign(this, { atoms, camera, width });
      const shade = svg.querySelectorAll("[id]");
      seen += 1;
      for (const { id } of shade) { // two equal drawings have equal ids
        for (const e of svg.querySelectorAll(`[fill="url(#${id})"]`)) e.setAttribute("fill", `url(#${id}-${seen})`);
      }
      for (const e of shade) e.id += `-${seen}`;
      this.layer = svg.querySelector("g");
      this.arrow = this.layer.querySelector("[data-arrow]");
      this.parts = [...this.layer.querySelectorAll("[data-n]")].map((e) => [e, ...e.dataset.n.split(" ").map(Number)]);
      this.parts.sort((p, q) => p.length - q.length || p[1] - q[1] || p[2] - q[2]);
      Object.assign(this, { role: "group", tabIndex: 0, ariaLabel: `Turn ${this.dataset.name}` });
      this.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab has other uses for keys
      this.controls();
      const box = this.closest(".qm9-molecules");
      if (box && !box.querySelector(".qm9-hint")) this.hint(box);
      this.move(null);
    }

    hint(box) {
      const hint = document.createElement("p");
      hint.className = "qm9-hint";
      hint.textContent = "Drag to turn, or use the arrow keys or the buttons.";
      if (box.matches(".qm9-one")) box.append(hint);
      else box.querySelector("figure").before(hint);
    }

    controls() {
      const bar = document.createElement("div");
      for (const [key, name, sign] of BUTTONS) {
        const button = document.createElement("button");
        Object.assign(button, { type: "button", title: name, ariaLabel: name, textContent: sign });
        button.onclick = () => this.move(MOVES[key]);
        bar.append(button);
      }
      this.append(bar);
      this.onkeydown = (e) => {
        if (!(e.key in MOVES) || e.ctrlKey || e.altKey || e.metaKey) return;
        e.preventDefault();
        e.stopPropagation();
        this.move(MOVES[e.key]);
      };
      const svg = this.svg;
      let last = null;
      svg.onpointerdown = (e) => {
        if (e.button) return;
        last = e;
        svg.setPointerCapture(e.pointerId);
      };
      svg.onpointermove = (e) => {
        if (!last || e.pointerId !== last.pointerId) return;
        const scale = 3 / svg.clientWidth;
        this.move([scale * (e.clientY - last.clientY), scale * (e.clientX - last.clientX), 1]);
        last = e;
      };
      svg.onpointerup = svg.onpointercancel = () => { last = null; };
      // Ctrl and the wheel zoom; the wheel alone scrolls the page, as everywhere.
      svg.addEventListener("wheel", (e) => {
        if (!e.ctrlKey) return;
        e.preventDefault();
        this.move([0, 0, Math.exp(-e.deltaY / 400)]);
      }, { passive: false });
    }

    move(by) {
      if (by) {
        const [a, b, zoom] = by;
        const [ca, sa, cb, sb] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)];
        const [x, y, z] = this.axes;
        const z1 = z.map((v, k) => cb * v - sb * x[k]);
        this.axes = [x.map((v, k) => cb * v + sb * z[k]), y.map((v, k) => ca * v - sa * z1[k]),
          y.map((v, k) => sa * v + ca * z1[k])];
        this.zoom = Math.min(4, Math.max(0.4, this.zoom * zoom));
      } else {
        this.axes = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
        this.zoom = 1;
      }
      cancelAnimationFrame(this.frame);
      this.frame = requestAnimationFrame(() => this.draw());
    }

    // The same as in balls.py, which makes the first drawing.
    draw() {
      const { camera, width, zoom } = this;
      const turned = (p) => this.axes.map((a) => a[0] * p[0] + a[1] * p[1] + a[2] * p[2]);
      const at = this.atoms.map(turned);
      const see = ([x, y, z]) => {
        const f = (zoom * camera) / (camera - z);
        return [x * f, -y * f, f];
      };
      const order = this.parts.map(([e, i, j]) => {
        if (j === undefined) {
          const [x, y, f] = see(at[i]);
          e.setAttribute("transform", `translate(${num(x)} ${num(y)}) scale(${num(f, 3)})`);
          return [at[i][2], e];
        }
        const d = at[j].map((v, k) => v - at[i][k]);
        const length = Math.hypot(...d) || 1;
        const [near, far] = [i, j].map((k) => Math.sqrt(this.atoms[k][3] ** 2 - width ** 2) / length);
        const start = at[i].map((v, k) => v + near * d[k]);
        const end = at[i].map((v, k) => v + ((1 + near - far) / 2) * d[k]);
        const [x, y, f] = see(start);
        const [x2, y2, f2] = see(end);
        const long = Math.hypot(x2 - x, y2 - y);
        const [c, s] = long > 0 ? [(x2 - x) / long, (y2 - y) / long] : [1, 0];
        const [a, b, l] = [num(width * f), num(width * f2), num(long)];
        const slope = d[2] / length; // the end that leans towards the reader is round
        const head = slope < 0 ? `A${num(width * f2 * -slope)} ${b} 0 0 1 ${l} ${b}` : `V${b}`;
        const tail = slope > 0 ? `A${num(width * f * slope)} ${a} 0 0 1 0-${a}` : "Z";
        const path = `M0-${a}L${l}-${b}${head}L0 ${a}${tail}`;
        e.setAttribute("transform", `matrix(${[c, s, -s, c].map((v) => num(v, 3)).join(" ")} ${num(x)} ${num(y)})`);
        for (const half of e.children) half.setAttribute("d", path);
        return [(start[2] + end[2]) / 2, e];
      });
      this.layer.append(...order.sort((p, q) => p[0] - q[0]).map((p) => p[1]));
      if (!this.arrow) return;
      const ends = this.arrow.dataset.arrow.split(" ").map(Number);
      const [[x, y], [x2, y2]] = [ends.slice(0, 3), ends.slice(3)].map((p) => see(turned(p)));
      const long = Math.hypot(x2 - x, y2 - y);
      const [c, s] = long > 0 ? [(x2 - x) / long, (y2 - y) / long] : [1, 0];
      const neck = num(long - Math.min(HEAD, long));
      this.arrow.setAttribute("d", `M0-6H${neck}v-12L${num(long)} 0L${neck} 18v-12H0z`);
      this.arrow.setAttribute("transform", `matrix(${[c, s, -s, c].map((v) => num(v, 3)).join(" ")} ${num(x)} ${num(y)})`);
      this.layer.append(this.arrow);
    }
  });
})();
