// Python in a worker of an exercise page: it runs cells, and tells the page what comes out.
// Messages to it: {before, cells}, each a list of [name, source]; what the first print is left out.
// Messages from it: {step}, {text}, {html}, {failed} (it could not start), and {done, prepared}: what
// came of the cells, and whether the first of them have run.
"use strict";
const options = Object.fromEntries(new URL(location.href).searchParams);
const say = (message) => postMessage(message);

// What is printed is sent in pieces: an endless loop that prints must not drown the page.
const MOST = 20_000; // characters of a run
let waiting = "";
let printed = 0;
let complained = 0;
let sent = 0;
const flush = () => {
  if (waiting) say({ text: waiting });
  waiting = "";
  sent = performance.now();
};
let muted = false; // what a cell prints; its errors are told
const print = (line) => {
  if (muted || printed > MOST) return;
  printed += line.length + 1;
  add(printed > MOST ? "… (what is printed after this is left out)" : line);
};
const add = (line) => {
  waiting += `${line}\n`;
  if (printed > MOST || performance.now() - sent > 100) flush();
};
// An error is told whatever was printed before; a flood of them ends, too.
const complain = (line) => {
  if (complained > MOST) return;
  complained += line.length + 1;
  add(line);
};

let loadable = []; // packages beside NumPy that this site has

const get = async (address, method = "GET") => {
  const answer = await fetch(address, { method }).catch(() => ({ ok: false }));
  if (!answer.ok) throw new Error(`${address.split("/").pop()} could not be loaded`);
  return answer;
};

const load = async (python, name) => {
  say({ step: `Loading ${name}` });
  await python.loadPackage(name, { messageCallback() {}, errorCallback() {} });
  if (!(name in python.loadedPackages)) throw new Error(`${name} could not be loaded`);
};

const start = async () => {
  const core = new URL(`${options.pyodide}/`, location.href).href;
  importScripts(`${core}pyodide.js`);
  say({ step: "Loading Python" });
  // Where its WebAssembly does not come, Pyodide waits for ever: ask for it first.
  await (await get(`${core}pyodide.asm.wasm`, "HEAD")).arrayBuffer();
  const zip = get(`course.zip?v=${options.mark}`).then((answer) => answer.arrayBuffer());
  const python = await loadPyodide({ indexURL: core, stdout: print, stderr: complain });
  await load(python, "numpy");
  say({ step: "Loading the course" });
  python.unpackArchive(await zip, "zip", { extractDir: "/course" });
  python.globals.set("show", (html) => {
    if (muted) return;
    flush();
    say({ html });
  });
  const { packages } = await (await fetch(`${core}pyodide-lock.json`)).json();
  loadable = Object.keys(packages);
  python.globals.set("loadable", loadable.join(" "));
  await python.runPythonAsync(`
import os, sys, warnings
os.environ["MPLBACKEND"] = "agg"
sys.path.insert(0, "/course")
warnings.filterwarnings("ignore", "only soft file lock")  # no other process is there
from qm9course import page as _page, showing
showing.PAGE = show
sys.meta_path.insert(0, _page.Nowhere)
run = _page.Page(show, tuple(loadable.split())).run
imports = lambda source: " ".join(_page.imports(source))
`);
  // Proxies of Python's objects, made once: one that is thrown away can end Python at any time.
  const [cell, imports] = ["run", "imports"].map((name) => python.globals.get(name));
  return { python, cell, imports };
};

const ready = start().then(
  (started) => {
    say({ step: "" });
    return started;
  },
  (error) => {
    say({ failed: String(error.message ?? error) });
  },
);

const run = async ({ python, cell, imports }, [name, source]) => {
  // What a function imports is loaded beforehand: its checker would take the error for its own.
  for (const one of imports(source).split(" ")) if (loadable.includes(one)) await load(python, one);
  for (;;) {
    say({ step: "" });
    const result = cell(source, name);
    if (result === "done" || result === "failed") return result;
    await load(python, result);
  }
};

onmessage = async ({ data }) => {
  const started = await ready;
  if (!started) return;
  printed = complained = 0;
  let result = "done";
  try {
    for (const [i, cell] of [...data.before, ...data.cells].entries()) {
      muted = i < data.before.length;
      result = await run(started, cell);
      if (result !== "done") break;
    }
  } catch (error) {
    complain(String(error.message ?? error)); // such as a package that could not be loaded
    result = "failed";
  }
  flush();
  say({ done: result, prepared: !muted });
};
