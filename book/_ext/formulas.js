// Draws formulas: reads one a line on standard input, writes what it becomes, a line of JSON each.
// Ends when its input ends, so with whoever started it. The argument is KaTeX's script.
"use strict";
const katex = require(process.argv[2]);
const lines = require("node:readline").createInterface({ input: process.stdin });

lines.on("line", (line) => {
  const { latex, options } = JSON.parse(line);
  let answer;
  try {
    answer = { html: katex.renderToString(latex, options) };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
