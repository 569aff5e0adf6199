// Run here: a page's exercises in the page. Python and the editor are loaded when a reader asks for
// them. What was written, and what was right, is kept in this browser.
"use strict";
{
  const { make, load } = qm9Page;
  const STATIC = document.currentScript.src;
  const OPTIONS = JSON.parse(document.getElementById("qm9-run").textContent);
  const { megabytes, mark, pyodide, elsewhere, page } = OPTIONS;
  const FILES = new URL("run/", STATIC);
  const STUB = /raise NotImplementedError\("Exercise (\d+\.\d+)/;
  const CHECK = /^check\("(\d+\.\d+)", \w+\)$/;
  const OUTCOME = /^(?:[✓✗] )?(\d+\.\d+) (right|wrong|error|not attempted|not checkable)/;
  const KEYS = "Shift+Enter runs the code; Escape, then Tab leaves the editor.";

  // ---------------------------------------------------------------------------- the page's cells

  const exercises = new Map(); // by name
  const plain = []; // the other cells: `after` so many exercises
  for (const cell of document.querySelectorAll(".cell:has(.cell_input pre)")) {
    const source = cell.querySelector(".cell_input pre").textContent.trimEnd();
    const [stub, check] = [source.match(STUB), source.match(CHECK)];
    if (stub) exercises.set(stub[1], { name: stub[1], cell, stub: source });
    else if (check) Object.assign(exercises.get(check[1]), { check: source, last: cell });
    else if (source !== "progress()") plain.push({ source, after: exercises.size, ran: false });
  }
  const runnable = [...exercises.values()].filter(({ name }) => !elsewhere.includes(name));

  // ------------------------------------------------------------------------------- what is kept

  // Of each exercise: the code, the stub that it was written for, and the code that was right.
  const PARTS = ["code", "stub", "right"];
  const KEY = `qm9-run ${new URL(`../${page}`, STATIC).pathname}`;
  const kept = Object.fromEntries(PARTS.map((part) => [part, {}]));
  try {
    const stored = JSON.parse(localStorage.getItem(KEY)) ?? {};
    for (const part of PARTS) Object.assign(kept[part], stored[part]);
  } catch {
    // The browser keeps nothing: said when there is something to keep.
  }
  for (const { name, stub } of exercises.values()) {
    if (kept.stub[name] === stub) continue;
    delete kept.right[name];
    if (!(name in kept.code)) continue;
    const before = kept.code[name].replace(/^/gm, "# ");
    kept.code[name] =
      `${stub}\n\n\n# The exercise has changed. Before, you had written:\n${before}`;
  }
  const notice = make("p", { className: "qm9-run-note", role: "status" });
  // Of one exercise at a time: the page may be open in another tab, too.
  const keep = (name) => {
    try {
      const stored = JSON.parse(localStorage.getItem(KEY)) ?? {};
      for (const part of PARTS) stored[part] = { ...stored[part], [name]: kept[part][name] };
      localStorage.setItem(KEY, JSON.stringify(stored));
    } catch {
      notice.textContent =
        "This browser cannot keep your code: download it as a notebook before you leave.";
    }
  };
  const isRight = (name) => name in kept.right && kept.right[name] === kept.code[name];

  // A line above the exercises: how many are right, and a way to take the answers along.
  const count = make("span", { role: "status" });
  const bar = make("progress", { max: exercises.size, value: 0, "aria-label": "Exercises right" });
  const download = make("button", { type: "button", textContent: "Download as notebook" });
  const line = make("p", { className: "qm9-run-progress", hidden: true }, bar, count, download);
  const progress = () => {
    const right = [...exercises.keys()].filter(isRight);
    const text = `${right.length} of ${exercises.size} right`;
    bar.value = right.length;
    if (count.textContent !== text) count.textContent = text;
    for (const { name, mark } of runnable) {
      mark.hidden = !(name in kept.right);
      mark.textContent = isRight(name) ? "✓ right" : "changed since it was right";
      mark.classList.toggle("qm9-run-right", isRight(name));
    }
    line.hidden = !Object.keys(kept.code).length;
  };
  download.onclick = async () => {
    const file = `${page}.ipynb`;
    let notebook;
    try {
      const answer = await fetch(new URL(`../_sources/${file}`, STATIC));
      if (!answer.ok) throw new Error();
      notebook = await answer.json();
    } catch {
      notice.textContent = "The notebook could not be loaded. Is there a network? Try again.";
      return;
    }
    notice.textContent = "";
    for (const cell of notebook.cells.filter(({ cell_type }) => cell_type === "code")) {
      const stub = [cell.source].flat().join("").match(STUB);
      if (stub && stub[1] in kept.code) cell.source = kept.code[stub[1]];
      cell.outputs = [];
      cell.execution_count = null;
    }
    const content = new Blob([JSON.stringify(notebook, null, 1)], { type: "application/json" });
    const link = make("a", { href: URL.createObjectURL(content), download: file.split("/").pop() });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };

  // ------------------------------------------------------------------------------------- Python

  const WORKER = new URL("worker.js", FILES);
  const PYTHON = new URL(`${pyodide}/pyodide.js`, FILES);
  WORKER.search = new URLSearchParams({ v: mark, mark, pyodide });
  let worker = null;
  let running = null; // an exercise: one runs at a time
  let loading = ""; // what Python is doing before it can run anything
  let starter = null; // the exercise whose button was pressed first

  const tell = ({ status }, text) => {
    if (status.textContent !== text) status.textContent = text;
  };
  // What was said of the exercises before this one is over.
  const hush = (one) => {
    for (const { status } of runnable) if (status !== one.status) status.textContent = "";
  };
  // When the site was renewed, what an older page would load may have gone.
  const gone = async (address) => {
    const answer = await fetch(address, { method: "HEAD" }).catch(() => ({}));
    return answer.status === 404;
  };
  const RENEWED = "The site was renewed since you opened this page: reload the page.";
  const end = (one) => {
    running = null;
    buttons();
    return one;
  };
  const start = (quiet = false) => {
    plain.forEach((cell) => (cell.ran = false));
    loading = "Loading Python …";
    worker = new Worker(WORKER);
    worker.onmessage = ({ data }) => {
      if ("step" in data) {
        loading = data.step && `${data.step} …`;
        if (running) tell(running, loading || "Running …");
        else if (!quiet) tell(starter, loading || `Python is ready. ${KEYS}`);
      }
      if ("text" in data && running) print(running, data.text);
      if ("html" in data && running) show(running, data.html);
      if ("done" in data) {
        if (!data.prepared) plain.forEach((cell) => (cell.ran = false));
        const one = end(running);
        const outcome = data.done === "failed" ? "error" : one.outcome;
        if (outcome === "right") {
          kept.right[one.name] = one.ran;
          keep(one.name);
        }
        progress();
        tell(one, outcome ? `Finished: ${outcome}` : "Finished");
      }
      if ("failed" in data) fail(data.failed);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      fail(event.message || "worker.js could not be loaded");
    };
  };
  const fail = async (reason) => {
    worker.terminate();
    worker = null;
    const one = end(running) ?? starter;
    const renewed = (await gone(WORKER)) || (await gone(PYTHON));
    const advice = renewed ? RENEWED : "Try again, or use Colab (see above).";
    if (!worker) tell(one, `Python could not be started: ${reason}. ${advice}`);
  };
  const stop = (one) => {
    worker.terminate();
    start(true);
    tell(end(one), "Stopped. Your code and your results are kept.");
  };

  // Run cells after those that the page has before the exercise, unless these have run already.
  const run = (one, cells) => {
    if (running) return;
    if (!worker) start();
    const place = [...exercises.keys()].indexOf(one.name);
    const earlier = plain.filter(({ after, ran }) => after <= place && !ran);
    earlier.forEach((cell) => (cell.ran = true));
    one.output.replaceChildren();
    one.outcome = "";
    one.ran = kept.code[one.name];
    running = one;
    buttons();
    hush(one);
    tell(one, loading || "Running …");
    worker.postMessage({
      before: earlier.map(({ source }) => ["cell of the page", source]),
      cells,
    });
  };
  // Keys reach what is printed where it scrolls.
  const sizes = new ResizeObserver((entries) => {
    for (const { parentElement: box } of entries.map(({ target }) => target)) {
      if (box.scrollHeight > box.clientHeight) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  });
  const print = (one, text) => {
    let box = one.output.lastElementChild;
    if (!box?.matches(".qm9-run-text")) {
      const label = `Printed by exercise ${one.name}`;
      box = make("div", { className: "qm9-run-text", role: "group", "aria-label": label });
      box.append(make("pre"));
      one.output.append(box);
      sizes.observe(box.firstChild);
    }
    box.firstChild.append(text);
  };
  const show = (one, html) => {
    const block = make("div", { innerHTML: html });
    one.output.append(block);
    // A script that came as text runs where it is put in anew, such as that of a molecule.
    for (const script of block.querySelectorAll("script")) {
      script.replaceWith(make("script", { textContent: script.textContent, type: script.type }));
    }
    const [, name, outcome] = block.textContent.match(OUTCOME) ?? [];
    if (name === one.name) one.outcome = outcome;
  };

  // ---------------------------------------------------------------------------- what a page shows

  const buttons = () => {
    for (const { controls, name } of runnable) {
      for (const [action, button] of Object.entries(controls)) {
        const able = action === "Stop" ? running?.name === name : !running || action === "Reset";
        button.setAttribute("aria-disabled", String(!able));
      }
    }
  };
  const open = (one) => {
    const { name, stub, cell } = one;
    const place = make("div", { className: "qm9-run-editor highlight" });
    cell.querySelector(".cell_input").replaceChildren(place);
    const code = () => {
      const { text } = one.editor;
      if (text === stub) {
        delete kept.code[name];
        delete kept.stub[name];
      } else {
        kept.code[name] = text;
        kept.stub[name] = stub;
      }
      keep(name);
      progress();
      return text;
    };
    const actions = {
      Run: () =>
        run(one, [
          [`cell ${name}`, code()],
          [`check ${name}`, one.check],
        ]),
      Hint: () => run(one, [[`hint ${name}`, `hint("${name}")`]]),
      Reset: () => {
        one.editor.text = stub;
        delete kept.right[name];
        keep(name);
        progress();
        tell(one, "As it was. Undo (Ctrl+Z in the editor) brings your code back.");
      },
      Stop: () => stop(one),
    };
    for (const [action, act] of Object.entries(actions)) {
      one.controls[action] = make("button", {
        type: "button",
        textContent: action,
        "aria-label": `${action} ${name}`,
        onclick: ({ currentTarget }) => {
          if (currentTarget.getAttribute("aria-disabled") !== "true") act();
        },
      });
    }
    one.controls.Run.className = "qm9-run-main";
    const label = `Code of exercise ${name}. ${KEYS}`;
    const text = kept.code[name] ?? stub;
    one.editor = qm9Editor.make(place, text, label, () => one.controls.Run.click(), code);
    one.start.replaceWith(
      make("p", { className: "qm9-run-controls" }, ...Object.values(one.controls), one.status),
      one.output,
    );
  };
  let opening = null;
  const begin = async (one) => {
    const address = new URL(`editor.js?v=${mark}`, FILES);
    hush(one);
    tell(one, "Loading the editor …");
    try {
      await (opening ??= load(address));
    } catch (error) {
      opening = null; // the next click may get through
      const advice = (await gone(address)) ? RENEWED : "Is there a network? Try again.";
      tell(one, `${error.message}. ${advice}`);
      return;
    }
    starter = one;
    if (!worker) start();
    tell(one, loading);
    runnable.filter(({ editor }) => !editor).forEach(open);
    buttons();
    one.editor.focus();
  };

  const heading = document.querySelector(".bd-article h2").closest("section");
  heading.before(line, notice);
  const colab = document.querySelector('.bd-article a[href*="colab.research.google.com"]')?.href;
  const note = (...text) => make("p", { className: "qm9-run-note" }, ...text);
  if (location.protocol === "file:") {
    heading.before(
      note(
        "Exercises run here only when the book comes from a web server, such as that of make serve.",
      ),
    );
    runnable.length = 0;
  }
  for (const one of exercises.values()) {
    if (elsewhere.includes(one.name)) {
      const link = make("a", { href: colab, textContent: "open it in Colab" });
      one.last.after(note("This one needs JAX, which does not run in a browser: ", link, "."));
    }
  }
  for (const one of runnable) {
    one.status = make("span", { className: "qm9-run-status", role: "status" });
    one.output = make("div", { className: "qm9-run-output", role: "log" });
    one.output.setAttribute("aria-label", `Output of exercise ${one.name}`);
    one.controls = {};
    const button = make("button", {
      type: "button",
      className: "qm9-run-main",
      textContent: `Run here (${megabytes} MB)`,
      "aria-label": `Run here: exercise ${one.name} (${megabytes} MB)`,
      onclick: () => begin(one),
    });
    one.start = make("p", { className: "qm9-run-controls" }, button, one.status);
    one.last.after(one.start);
    // The mark of an exercise that is right, in its heading.
    one.mark = make("span", { className: "qm9-run-mark", hidden: true });
    one.cell.closest("section").querySelector("h2").append(" ", one.mark);
  }
  progress();
}
