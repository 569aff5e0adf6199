// Open pages in Firefox, and say what is wrong with them, as JSON: {page: {check: [problem]}}.
// node firefox.mjs PACKAGES FIREFOX < {address, script, checks, pages, sought}
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [modules, executablePath] = process.argv.slice(2);
const { default: puppeteer } = await import(
  createRequire(path.join(path.resolve(modules), "x")).resolve("puppeteer-core")
);
const { address, script, checks, pages, sought } = JSON.parse(readFileSync(0, "utf-8"));

const turned = async (page) => {
  const molecule = await page.$("qm9-molecule");
  if (!molecule) return [];
  const drawing = () => molecule.evaluate((e) => (e.shadowRoot ?? e).querySelector("svg").innerHTML);
  await molecule.evaluate((element) => element.scrollIntoView({ block: "center" }));
  await molecule.focus();
  const before = await drawing();
  await page.keyboard.press("ArrowRight");
  return (await drawing()) === before ? ["the key → does not turn it"] : [];
};

const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath,
  timeout: 300_000,
});
const page = await browser.newPage();
await page.setViewport({ width: 1280, height: 900 });
page.setDefaultTimeout(300_000);
let said = [];
page.on("console", (message) => {
  if (["error", "warn"].includes(message.type())) said.push(message.text());
});
page.on("pageerror", (error) => said.push(error.message));
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
  const links = await page.$$eval("#search-results > ul > li > a", (all) => all.map((a) => a.href));
  const right = links.some((link) => link.startsWith(address + answer));
  found[`search: ${words}`] = { search: right ? [] : [`${answer} is not found`], console: said };
}
console.log(JSON.stringify(found));
await browser.close();
