// Python in a worker of an exercise page: it runs cells, and tells the page what comes out.
// Messages to it: {before, cells}, each a list of [name, source]; what the first print is left out.
// Messages from it: {step}, {text}, {html}, {failed} (it could not start), and {done, prepared}: what
// came of the cells, and whether the first of them have run.
"use strict";
const options = Object.fromEntries(new URL(location.href).searchParams);
const say = (message) => postMessage(message);

// What is printed is sent at once, up to so many characters of a run: an endless loop that prints must
// not drown the page. Errors have a limit of their own, and are told whatever was printed before.
const MOST = 20_000;
let muted = false; // what a cell prints; its errors are told
const stream = (silent, cut) => {
  const decoder = new TextDecoder();
  let room = MOST;
  const send = (text) => {
    if (!text || room < 0 || silent()) return;
    say({ text: text.length > room ? cut(text, room) : text });
    room = text.length > room ? -1 : room - text.length;
  };
  return {
    write(bytes) {
      send(decoder.decode(bytes, { stream: true })); // a character may come in two pieces
      return bytes.length;
    },
    send,
    begin: () => (room = MOST),
    end: () => send(decoder.decode()),
  };
};
const printed = stream(
  () => muted,
  (text, room) => `${text.slice(0, room)}\n… (what is printed after this is left out)\n`,
);
const errors = stream(
  () => false,
  (text) => `…\n${text.slice(-MOST)}`, // its last line says what the error is
);

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
  say({ step: "Loading Python" });
  try {
    importScripts(`${core}pyodide.js`);
  } catch {
    throw new Error("pyodide.js could not be loaded");
  }
  // Where its WebAssembly does not come, Pyodide waits for ever: ask for it first.
  await (await get(`${core}pyodide.asm.wasm`, "HEAD")).arrayBuffer();
  const zip = get(`course.zip?v=${options.mark}`).then((answer) => answer.arrayBuffer());
  // Without a buffer: what has been printed is shown, whether its line has ended or not.
  const env = { PYTHONUNBUFFERED: "1", MPLBACKEND: "module://qm9course.inline" };
  const python = await loadPyodide({ indexURL: core, env });
  python.setStdout(printed);
  python.setStderr(errors);
  await load(python, "numpy");
  say({ step: "Loading the course" });
  python.unpackArchive(await zip, "zip", { extractDir: "/course" });
  python.globals.set("show", (html) => {
    if (!muted) say({ html });
  });
  const { packages } = await (await fetch(`${core}pyodide-lock.json`)).json();
  loadable = Object.keys(packages);
  python.globals.set("loadable", loadable.join(" "));
  await python.runPythonAsync(`
import logging, sys, warnings
sys.path.insert(0, "/course")
warnings.filterwarnings("ignore", "only soft file lock")  # no other process is there
logging.getLogger("matplotlib.font_manager").setLevel("ERROR")  # that it looks for fonts
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
  printed.begin();
  errors.begin();
  let result = "done";
  try {
    for (const [i, cell] of [...data.before, ...data.cells].entries()) {
      muted = i < data.before.length;
      result = await run(started, cell);
      if (result !== "done") break;
    }
  } catch (error) {
    errors.send(`${error.message ?? error}\n`); // such as a package that could not be loaded
    result = "failed";
  }
  printed.end();
  errors.end();
  say({ done: result, prepared: !muted });
};
