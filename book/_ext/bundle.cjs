// Bundle a script with what it imports from npm: node bundle.cjs MODULES ENTRY GLOBAL, to stdout.
"use strict";
const [modules, entry, globalName] = process.argv.slice(2);
const { outputFiles } = require(`${modules}/esbuild`).buildSync({
  entryPoints: [entry],
  nodePaths: [modules],
  globalName,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2020",
  write: false,
});
process.stdout.write(outputFiles[0].text);
