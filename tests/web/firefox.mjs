// Open pages in Firefox, and say what is wrong with them, as JSON: {page: {check: [problem]}}.
// node firefox.mjs PACKAGES FIREFOX < {address, script, checks, pages, sought}
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [modules, executablePath] = process.argv.slice(2);
const { default: puppeteer } = await import(
  createRequire(path.join(path.resolve(modules), "x")).resolve("puppeteer-core")
);
const { address, script, checks, pages, sought, exercise } = JSON.parse(readFileSync(0, "utf-8"));

// A key is handled, and the drawing made, some frames after it was pressed: wait for it.
const turned = async (page) => {
  const molecule = await page.$("qm9-molecule");
  if (!molecule) return [];
  await molecule.evaluate((element) => element.scrollIntoView({ block: "center" }));
  await molecule.focus();
  const before = await molecule.evaluate(
    (element) =>
      new Promise((done) => {
        const read = () => done(element.querySelector("svg").innerHTML);
        requestAnimationFrame(() => requestAnimationFrame(read)); // the first drawing is made
      }),
  );
  await page.keyboard.press("ArrowRight");
  try {
    await page.waitForFunction(
      (element, before) => element.querySelector("svg").innerHTML !== before,
      { timeout: 300_000 },
      molecule,
      before,
    );
  } catch (error) {
    if (error.name !== "TimeoutError") throw error;
    return ["the key → does not turn it"];
  }
  return [];
};

const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath,
  timeout: 300_000,
  protocolTimeout: 600_000,
});
const page = await browser.newPage();
await page.setViewport({ width: 1280, height: 900 });
page.setDefaultTimeout(300_000);
let said = [];
// Firefox lays a page out while it is still coming in, and complains of a formula of which the rest
// has not arrived yet. The check `formulas` counts the parts when all are there.
const HALF_PARSED = "Invalid markup: Incorrect number of children for";
const note = (text) => text.startsWith(HALF_PARSED) || said.push(text);
page.on("console", (message) => {
  if (["error", "warn"].includes(message.type())) note(message.text());
});
page.on("pageerror", (error) => note(error.message));
page.on("requestfailed", (request) => {
  const { errorText } = request.failure();
  // What a page is still fetching when we leave it, such as the next chapter, is aborted.
  if (errorText !== "NS_BINDING_ABORTED") said.push(`failed: ${request.url()} (${errorText})`);
});

const found = {};
for (const name of pages) {
  said = [];
  await page.goto(address + name);
  found[name] = await page.evaluate(
    (text, names) => {
      const all = (0, eval)(text);
      return Object.fromEntries(names.map((check) => [check, all[check]()]));
    },
    script,
    checks,
  );
  found[name].keys = await turned(page);
  found[name].console = said;
}
for (const [words, answer] of Object.entries(sought)) {
  said = [];
  await page.goto(`${address}search.html?q=${encodeURIComponent(words)}`);
  await page.waitForFunction(() =>
    /found/.test(document.querySelector(".search-summary")?.textContent),
  );
  await page.waitForNetworkIdle(); // the pages of the answers: to leave cuts them off, an error
  const links = await page.$$eval("#search-results > ul > li > a", (all) => all.map((a) => a.href));
  const right = links.some((link) => link.startsWith(address + answer));
  found[`search: ${words}`] = { search: right ? [] : [`${answer} is not found`], console: said };
}
said = [];
await page.goto(`${address}${exercise.page}`);
await (await page.waitForSelector(`[aria-label^="Run here: exercise ${exercise.name} "]`)).click();
const run = `[aria-label="Run ${exercise.name}"]`;
await page.waitForSelector(run);
await page.keyboard.down("Control");
await page.keyboard.press("a");
await page.keyboard.up("Control");
await page.keyboard.type(exercise.code);
await page.click(run);
const outcome = await (await page.waitForSelector(".qm9-outcome")).evaluate((e) => e.textContent);
const right = outcome.startsWith(`✓ ${exercise.name} right`);
found["run here"] = { run: right ? [] : [outcome], console: said };
console.log(JSON.stringify(found));
await browser.close();
