// Reads the first lines of an XYZ file as `qm9lib.data.xyz` does, with the same words for what is
// wrong. A test gives both the same files.
globalThis.qm9Xyz = (() => {
  const SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se " +
    "Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb " +
    "Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm " +
    "Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
  ).split(" ");
  const LARGEST = 1000; // atoms
  const SAME_PLACE = 0.1; // Å
  const IN_NM = 0.35; // Å

  // Python's \w and white space, which know more letters than JavaScript's.
  const W = "[\\p{L}\\p{N}_]";
  const SPACE = /[\s\x1c-\x1f\x85]+/;
  const pattern = (text, flags = "iu") => new RegExp(text.replaceAll("WORD", W), flags);
  const tells = (names) =>
    pattern(
      `(?<!WORD|\\.)(?:${names})["']?\\s*(?:[=:]\\s*)?["']?\\s*([+−\\-]?\\d+(?:[+−\\-](?!\\d))?)(?:\\.0*)?(?!WORD|\\.)`,
    );
  const CHARGE = tells("(?:(?:total|net)[ _\\-]?)?charge|chrg|chg|q(?=\\s*[=:])");
  const MULTIPLICITY = tells("(?:spin[ _\\-]?)?mult(?:iplicity)?|mul");
  const UNPAIRED = tells("uhf|nopen|unpaired(?:[ _\\-]?electrons)?");
  const BOTH = /^\s*([+−-]?\d)\s+([1-9])(?:\s+[a-z].*)?\s*$/i;
  const NOT_ANGSTROM =
    "(bohrs?|a\\.?u\\.?|atomic units?|n(?:m|anomet(?:er|re)s?)|p(?:m|icomet(?:er|re)s?))";
  const UNIT = pattern(
    "(?<!WORD|\\.)(?<!energy )(?:units?[\"']?\\s*(?:[=:]|are|in)?\\s*[\"'(]?" +
      "|(?:coord(?:WORD)*|pos|positions?|xyz|geometry)[\"']?\\s*(?:[=:]|are)?\\s*(?:in\\s+|\\())" +
      `${NOT_ANGSTROM}(?!WORD)|^(?:(?!WORD)[^])*(?:in )?${NOT_ANGSTROM}(?:(?!WORD)[^])*$`,
  );
  const PAIR = pattern("((?:WORD|[.\\-])+)[\"']?\\s*[=:]\\s*(\"[^\"]*\"|'[^']*'|\\S*)", "giu");
  const LATTICE = pattern("(?<!WORD|\\.)(?:Lattice|Cell)\\s*=");
  const PERIODIC = pattern(
    "(?<!WORD|\\.)pbc(?:\\s*=|[\"']\\s*:)\\s*(\"[^\"]*\"|'[^']*'|\\[[^\\]]*\\]|\\S*)",
  );
  const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

  const trimmed = (text) => text.replace(/^[\s\x1c-\x1f\x85]+|[\s\x1c-\x1f\x85]+$/g, "");
  const words = (line) => (trimmed(line) ? trimmed(line).split(SPACE) : []);
  const commas = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");
  const escaped = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

  // Python's repr of a text, cut after 40 letters.
  const short = (text) => {
    const letters = [...text];
    const cut = letters.length > 40 ? `${letters.slice(0, 40).join("")}...` : text;
    const mark = cut.includes("'") && !cut.includes('"') ? '"' : "'";
    const put = (c) => {
      if (c in escaped) return escaped[c];
      if (c === mark) return `\\${c}`;
      const code = c.charCodeAt(0);
      const hidden = code < 32 || (code > 126 && code < 161) || code === 173;
      return hidden ? `\\x${code.toString(16).padStart(2, "0")}` : c;
    };
    return mark + [...cut].map(put).join("") + mark;
  };

  const integer = (text) => {
    const digits = Number(text.replace(/[+−-]/g, ""));
    return /[−-]/.test(text) ? -digits : digits;
  };

  const charge = (comment) => {
    const found = CHARGE.exec(comment) ?? BOTH.exec(comment);
    return found ? integer(found[1]) : null;
  };
  const multiplicity = (comment) => {
    const direct = MULTIPLICITY.exec(comment);
    if (direct) return integer(direct[1]);
    const unpaired = UNPAIRED.exec(comment);
    if (unpaired) return integer(unpaired[1]) + 1;
    const both = BOTH.exec(comment);
    return both ? Number(both[2]) : null;
  };
  const periodic = (comment) => {
    const directions = PERIODIC.exec(comment);
    return directions ? /\b(?:t|true|1)\b/i.test(directions[1]) : LATTICE.test(comment);
  };

  // The columns of the element and of x, and how many there are at least.
  const columns = (comment, where) => {
    const given = [...comment.matchAll(PAIR)].find(
      (pair) => pair[1].toLowerCase() === "properties",
    );
    if (!given) return [0, 1, 4];
    const text = given[2].replace(/^["'{},]+|["'{},]+$/g, "");
    const parts = text.split(":");
    const [names, kinds, widths] = [0, 1, 2].map((k) => parts.filter((_, i) => i % 3 === k));
    if (parts.length % 3 || !widths.every((width) => /^[1-9][0-9]{0,2}$/.test(width))) {
      throw new Error(
        `${where}: found Properties=${short(text)}, expected names, kinds and numbers of ` +
          "columns, such as Properties=species:S:1:pos:R:3",
      );
    }
    let column = 0;
    const named = new Map();
    names.forEach((name, i) => {
      const key = name.toLowerCase();
      if (named.has(key)) {
        throw new Error(`${where}: Properties has ${short(name)} twice, expected it once`);
      }
      named.set(key, { column, is: `${kinds[i].toUpperCase()}:${widths[i]}` });
      column += Number(widths[i]);
    });
    const [element, position] = [named.get("species"), named.get("pos")];
    if (element?.is !== "S:1" || position?.is !== "R:3") {
      throw new Error(
        `${where}: found Properties=${short(text)}, expected it to have species:S:1 and ` +
          "pos:R:3, the element and its x, y and z",
      );
    }
    return [element.column, position.column, column];
  };

  const symbolOf = (word, where) => {
    const symbol = word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();
    if (!/^[A-Za-z]+$/.test(word) || !SYMBOLS.includes(symbol)) {
      // no ſ, whose capital is S
      throw new Error(
        `${where}: ${short(word)} is not an element; expected a symbol such as C`,
      );
    }
    return symbol;
  };

  const coordinate = (name, word, where) => {
    const plain = word.replace(/(?<=[0-9.])(?:[dD]|\*\^)(?=[+-]?[0-9])/g, "e");
    const value = NUMBER.test(plain) ? Number(plain) : NaN;
    if (!(Math.abs(value) < 1e6)) {
      throw new Error(
        `${where}: ${name} is ${short(word)}, expected a number of Å below 1e6, such as 1.2`,
      );
    }
    return value;
  };

  const checkDistances = (x, line, file) => {
    const n = x.length / 3;
    const nearest = new Array(n).fill(Infinity);
    let same = null; // the first atom that is at the place of one before it
    for (let b = 0; b < n; b++) {
      for (let a = 0; a < b; a++) {
        const r = globalThis.qm9Network.distance(x, a, b);
        nearest[a] = Math.min(nearest[a], r);
        nearest[b] = Math.min(nearest[b], r);
        if (r < SAME_PLACE) same ??= { a, b, r };
      }
    }
    const [least, most] = [Math.min(...nearest), Math.max(...nearest)];
    const { fixed } = globalThis.qm9Network;
    if (n > 1 && least > 0 && most < IN_NM) {
      throw new Error(
        `${file}, lines ${line} to ${line + n - 1}: every atom is within ` +
          `${fixed(most, 3)} Å of another one, as if the coordinates were in nm; ` +
          "expected Å: multiply them by 10",
      );
    }
    if (same) {
      throw new Error(
        `${file}, line ${line + same.b}: this atom is in the same place as the one in line ` +
          `${line + same.a} (${fixed(same.r, 3)} Å apart); remove one of them`,
      );
    }
  };

  // The molecule that begins in line `start`: comment, symbols, positions (3 n, Å).
  const molecule = (lines, start, file) => {
    const count = trimmed(lines[start]);
    const n = /^[0-9]{1,4}$/.test(count) ? Number(count) : 0;
    if (n < 1 || n > LARGEST) {
      throw new Error(
        `${file}, line ${start + 1}: found ${short(count)}, expected the number of atoms of a ` +
          `molecule, from 1 to ${commas(LARGEST)}`,
      );
    }
    const [comment = "", ...atoms] = lines.slice(start + 1, start + 2 + n);
    while (atoms.length && start + 2 + atoms.length === lines.length && !trimmed(atoms.at(-1))) {
      atoms.pop();
    }
    if (atoms.length < n) {
      throw new Error(
        `${file} ends after ${atoms.length} of the ${count} atoms that line ${start + 1} announces`,
      );
    }
    const unit = UNIT.exec(comment);
    if (unit) {
      const given = unit[1] ?? unit[2];
      const factor = { n: "10", p: "0.01" }[given[0].toLowerCase()] ?? "0.529177";
      throw new Error(
        `${file}, line ${start + 2}: the comment says the coordinates are in ${given}, ` +
          `expected Å: multiply them by ${factor}, and remove the unit from the comment`,
      );
    }
    const [element, first, least] = columns(comment, `${file}, line ${start + 2}`);
    const [symbols, x] = [[], []];
    atoms.forEach((line, a) => {
      const [where, found] = [`${file}, line ${start + 3 + a}`, words(line)];
      if (found.length < least) {
        const wanted =
          least === 4
            ? "an element and its x, y and z in Å, such as 'C 0.0 0.0 1.2'"
            : `the ${least} columns that Properties in line ${start + 2} announces`;
        throw new Error(`${where}: found ${short(line)}, expected ${wanted}`);
      }
      symbols.push(symbolOf(found[element], where));
      ["x", "y", "z"].forEach((name, k) => x.push(coordinate(name, found[first + k], where)));
    });
    checkDistances(x, start + 3, file);
    return { line: start + 1, comment: trimmed(comment), symbols, positions: x };
  };

  // All molecules of a text; throws an Error that names the line.
  const parse = (text, file = "file") => {
    const lines = text
      .replace(/^\ufeff/, "")
      .replace(/\r\n?/g, "\n")
      .split("\n");
    const found = [];
    let start = 0;
    while (start < lines.length) {
      if (!trimmed(lines[start])) {
        start += 1;
        continue;
      }
      const one = molecule(lines, start, file);
      start += 2 + one.symbols.length;
      if (/^gdb \d+(?:\s|$)/.test(one.comment)) {
        one.comment = words(one.comment).slice(0, 2).join(" "); // a record of QM9
        if (lines[start + 2]?.startsWith("InChI=")) start += 3;
      }
      found.push(one);
    }
    if (!found.length) {
      throw new Error(`${file} is empty: expected the number of atoms in its first line`);
    }
    return found;
  };

  // What the comment says and the networks cannot know; as predict.py has it for one molecule.
  const commentWarnings = ({ comment }) => {
    const found = [];
    const [q, spin] = [charge(comment), multiplicity(comment)];
    if (q) {
      found.push(
        `its comment gives a charge of ${q > 0 ? "+" : ""}${q}: the networks treat every ` +
          "molecule as neutral",
      );
    }
    if (spin !== null && spin !== 1) {
      found.push(
        `its comment gives a multiplicity of ${spin}: the networks treat all electrons as ` +
          "paired",
      );
    }
    if (periodic(comment)) {
      found.push(
        "its comment gives a lattice, which is ignored: the networks see only the atoms in the " +
          "file",
      );
    }
    return found;
  };

  // What the file has and QM9 does not, in alphabetical order.
  const foreign = ({ symbols }, known) =>
    [...new Set(symbols)].filter((symbol) => !known.includes(symbol)).sort();

  return { parse, commentWarnings, foreign, SYMBOLS };
})();
