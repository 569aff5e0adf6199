// Lets a test ask the scripts of the page: one text of an XYZ file in a line as JSON, one answer back.
import fs from "node:fs";
import readline from "node:readline";
import vm from "node:vm";

for (const file of process.argv.slice(2)) vm.runInThisContext(fs.readFileSync(file, "utf8"), file);
const { qm9Model, qm9Network, qm9Xyz } = globalThis;
const network = qm9Network.make(qm9Model);

const answer = (text) => {
  let molecules;
  try {
    molecules = qm9Xyz.parse(text, "f");
  } catch (error) {
    return { error: error.message };
  }
  return molecules.map((molecule) => ({ ...molecule, ...network.ask(molecule) }));
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
}
