// The pretrained networks of qm9lib in plain JavaScript: what `python -m qm9lib predict` computes.
//
// qm9lib/models/painn.py, pretrained/domain.py and pretrained/predict.py, line by line for one
// molecule, in float64. A test runs both on the same molecules and compares numbers and warnings.
globalThis.qm9Network = (() => {
  const NEAR = 1e-6; // Å², as in painn.py
  const SMALL = 1e-8;

  // ---------------------------------------------------------------------------- numbers as Python's

  // f"{x:.2f}": a tie goes to the even digit. In binary only odd multiples of 1/8 are ties there.
  const fixed = (x, digits) => {
    const half = x * 2 ** (digits + 1);
    if (!Number.isInteger(half) || half % 2 === 0) return x.toFixed(digits);
    const unit = 10 ** digits;
    const below = Math.floor(x * unit);
    return ((below % 2 ? below + 1 : below) / unit).toFixed(digits);
  };
  // f"{x:.2g}" without an exponent, as `written` of labels.py.
  const written = (x, digits) =>
    Number(x.toPrecision(digits)).toLocaleString("en-US", { maximumSignificantDigits: digits });
  const commas = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

  // Distance of two atoms, by the same sums as NumPy: the bins of domain.py depend on the last bit.
  const distance = (x, a, b) => {
    const [p, q, r] = [0, 1, 2].map((k) => x[3 * a + k] - x[3 * b + k]);
    return Math.sqrt(p * p + q * q + r * r);
  };
  const centred = (x) => {
    const n = x.length / 3;
    const mean = [0, 1, 2].map((k) => {
      let sum = 0;
      for (let a = 0; a < n; a++) sum += x[3 * a + k];
      return sum / n;
    });
    return Float64Array.from(x, (v, i) => v - mean[i % 3]);
  };

  // ---------------------------------------------------------------------------------- the network

  // A layer of a perceptron for each atom: y = weight x + bias.
  const dense = (x, n, weight, bias) => {
    const [outs, ins] = [bias.length, weight.length / bias.length];
    const y = new Float64Array(n * outs);
    for (let a = 0; a < n; a++) {
      for (let o = 0; o < outs; o++) {
        let sum = bias[o];
        for (let i = 0, w = o * ins, v = a * ins; i < ins; i++) sum += weight[w++] * x[v++];
        y[a * outs + o] = sum;
      }
    }
    return y;
  };
  const perceptron = (x, n, tensors, name) => {
    const part = (layer, what) => tensors[`${name}.layers.${layer}.${what}`];
    const hidden = dense(x, n, part(0, "weight"), part(0, "bias"));
    for (let i = 0; i < hidden.length; i++) hidden[i] /= 1 + Math.exp(-hidden[i]); // SiLU
    return dense(hidden, n, part(1, "weight"), part(1, "bias"));
  };

  // `shortened` of painn.py: n rows of `size` numbers, of F channels.
  const shortened = (x, n, F) => {
    const size = x.length / n;
    const y = new Float64Array(x.length);
    for (let a = 0; a < n; a++) {
      let squared = 0;
      for (let i = a * size; i < (a + 1) * size; i++) squared += x[i] ** 2;
      const factor = 1 / Math.sqrt(1 + squared / F);
      for (let i = a * size; i < (a + 1) * size; i++) y[i] = factor * x[i];
    }
    return y;
  };

  // Pairs i < j within the cutoff: the radial functions and the unit vector from i to j.
  const edges = (x, n, radial, cutoff) => {
    const found = [];
    for (let i = 0; i < n; i++) {
      for (let j = i + 1; j < n; j++) {
        const d = [0, 1, 2].map((k) => x[3 * j + k] - x[3 * i + k]);
        const r = Math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + NEAR);
        if (r >= cutoff) continue;
        const fade = (Math.sqrt(2 / cutoff) * 0.5 * (Math.cos((Math.PI * r) / cutoff) + 1)) / r;
        const functions = new Float64Array(radial);
        for (let k = 0; k < radial; k++)
          functions[k] = fade * Math.sin(((k + 1) * Math.PI * r) / cutoff);
        found.push({ i, j, functions, unit: d.map((v) => v / r) });
      }
    }
    return found;
  };

  // What all atoms receive: changes of the scalars (n, F), and of the vectors (n, 3, F).
  const message = (s, v, n, F, pairs, tensors, layer) => {
    const filters = tensors[`messages.${layer}.filters`]; // (parts, radial, F)
    const sent = perceptron(s, n, tensors, `messages.${layer}.network`); // (n, parts, F)
    const parts = sent.length / (n * F);
    const [scalars, vectors] = [new Float64Array(n * F), new Float64Array(n * 3 * F)];
    const filter = new Float64Array(parts * F);
    const send = (to, from, unit) => {
      const [t, u, p] = [to * 3 * F, from * 3 * F, from * parts * F];
      for (let f = 0; f < F; f++) {
        scalars[to * F + f] += sent[p + f] * filter[f];
        const along = sent[p + F + f] * filter[F + f];
        const carried = parts > 2 ? sent[p + 2 * F + f] * filter[2 * F + f] : 0;
        for (let k = 0; k < 3; k++) {
          vectors[t + k * F + f] += along * unit[k] + carried * v[u + k * F + f];
        }
      }
    };
    for (const { i, j, functions, unit } of pairs) {
      filter.fill(0);
      for (let p = 0, w = 0; p < parts; p++) {
        for (const value of functions) {
          for (let f = 0; f < F; f++) filter[p * F + f] += value * filters[w++];
        }
      }
      send(i, j, unit);
      send(
        j,
        i,
        unit.map((u) => -u),
      );
    }
    return [scalars, vectors];
  };

  // What each atom makes of its own features: changes of the scalars and of the vectors.
  const update = (s, v, n, F, tensors, layer) => {
    const mix = tensors[`updates.${layer}.mix`]; // (F, 2 F)
    const mixed = new Float64Array(n * 3 * 2 * F); // U v and V v
    for (let row = 0; row < 3 * n; row++) {
      for (let i = 0, w = 0; i < F; i++) {
        const value = v[row * F + i];
        for (let o = row * 2 * F; o < (row + 1) * 2 * F; o++) mixed[o] += value * mix[w++];
      }
    }
    const [input, dot] = [new Float64Array(n * 2 * F), new Float64Array(n * F)];
    for (let a = 0; a < n; a++) {
      for (let f = 0; f < F; f++) {
        let [length, product] = [SMALL, 0];
        for (let k = 0; k < 3; k++) {
          const at = (3 * a + k) * 2 * F + f;
          length += mixed[at + F] ** 2;
          product += mixed[at] * mixed[at + F];
        }
        input[a * 2 * F + f] = s[a * F + f];
        input[a * 2 * F + F + f] = Math.sqrt(length);
        dot[a * F + f] = product;
      }
    }
    const changes = perceptron(input, n, tensors, `updates.${layer}.network`); // (n, parts, F)
    const parts = changes.length / (n * F);
    const [scalars, vectors] = [new Float64Array(n * F), new Float64Array(n * 3 * F)];
    for (let a = 0; a < n; a++) {
      for (let f = 0; f < F; f++) {
        const at = a * parts * F + f;
        scalars[a * F + f] = changes[at] + changes[at + F] * dot[a * F + f];
        for (let k = 0; parts > 2 && k < 3; k++) {
          vectors[(3 * a + k) * F + f] = changes[at + 2 * F] * mixed[(3 * a + k) * 2 * F + f];
        }
      }
    }
    return [scalars, vectors];
  };

  // What each atom adds, in the unit that the network was trained in.
  const atomEnergies = ({ config, tensors }, z, x) => {
    const [n, F] = [z.length, config.features];
    const pairs = edges(x, n, config.radial, config.cutoff);
    const [s, v] = [new Float64Array(n * F), new Float64Array(n * 3 * F)];
    for (let a = 0; a < n; a++) s.set(tensors.embedding.subarray(z[a] * F, (z[a] + 1) * F), a * F);
    const seen = (features) => (config.norm ? shortened(features, n, F) : features);
    for (let layer = 0; layer < config.layers; layer++) {
      const add = ([scalars, vectors]) => {
        for (let i = 0; i < s.length; i++) s[i] += scalars[i];
        for (let i = 0; i < v.length; i++) v[i] += vectors[i];
      };
      add(message(seen(s), seen(v), n, F, pairs, tensors, layer));
      add(update(seen(s), seen(v), n, F, tensors, layer));
    }
    return perceptron(s, n, tensors, "readout.network");
  };

  // ---------------------------------------------------------------- where it is not to be trusted

  // Pairs of atoms that are near enough to be bonded, as in geometry.py.
  const bonds = (domain, z, x, reach) => {
    const found = [];
    for (let a = 0; a < z.length; a++) {
      for (let b = a + 1; b < z.length; b++) {
        const most = reach * (domain.radii[z[a]] + domain.radii[z[b]]);
        if (distance(x, a, b) < most) found.push([a, b]);
      }
    }
    return found;
  };

  // Into how many pieces the bonds join the atoms.
  const pieces = (domain, z, x) => {
    const group = z.map((_, a) => a);
    const root = (a) => (group[a] === a ? a : (group[a] = root(group[a])));
    for (const [a, b] of bonds(domain, z, x, domain.reach)) group[root(a)] = root(b);
    return new Set(group.map((_, a) => root(a))).size;
  };

  const oddValence = (domain, element, valences, symbols) => {
    const bins = domain.valences[0].length;
    const step = (value) => Math.trunc(Math.min(value / domain.valenceBin, bins - 1));
    const total = (counts) => counts.reduce((sum, count) => sum + count, 0);
    const i = element.findIndex((e, a) => {
      const known = domain.valences[e];
      return known[step(valences[a])] < Math.max(1, domain.rare * total(known));
    });
    if (i < 0) return [];
    const [known, at] = [domain.valences[element[i]], step(valences[i])];
    const weights = known.map((count) => count + 1e-9);
    const few = at < total(weights.map((weight, k) => weight * k)) / total(weights);
    const count = total(few ? known.slice(0, at + 1) : known.slice(at));
    const worth = `${few ? "only " : ""}${fixed(valences[i], 1)} single bonds`;
    const question = few && element[i] ? "; are hydrogens missing?" : "";
    return [
      `the bonds of ${symbols[element[i]]} (atom ${i + 1}) are worth ${worth}, as ` +
        `${few ? "few" : "many"} as those of ${commas(count)} of the ${commas(total(known))} in ` +
        `training molecules${question}`,
    ];
  };

  // Domain.concerns of domain.py.
  const concerns = (domain, z, x) => {
    const [found, n] = [[], z.length];
    const heavy = z.filter((number) => number > 1).length;
    if (heavy > domain.mostHeavy) {
      found.push(`${heavy} atoms are not hydrogen; QM9 has molecules of up to ${domain.mostHeavy}`);
    }
    if (n < domain.fewest) {
      found.push(
        `${n === 1 ? "1 atom" : `${n} atoms`}; QM9 has molecules of ${domain.fewest} and more`,
      );
    }
    const electrons = z.reduce((sum, number) => sum + number, 0);
    if (electrons % 2) {
      found.push(
        `the atomic numbers add up to ${electrons}, which is odd: an ion or a radical; ` +
          "QM9 has neutral molecules whose electrons are all in pairs",
      );
    }
    const parts = pieces(domain, z, x);
    if (parts > 1) found.push(`the atoms form ${parts} pieces without a bond between them`);
    const symbols = domain.elements.map((number) => domain.symbols[number]);
    const element = z.map((number) => domain.elements.indexOf(number));
    const pairs = [];
    const bins = domain.counts[0][0].length;
    for (let a = 0; a < n; a++) {
      for (let b = a + 1; b < n; b++) {
        const r = distance(x, a, b);
        if (r < domain.bin * bins) pairs.push({ a, b, r, step: Math.trunc(r / domain.bin) });
      }
    }
    let rarest = null;
    for (const { a, b, r, step } of pairs) {
      const count = domain.counts[element[a]][element[b]][step];
      if (count < domain.seldom && !(rarest && rarest.r <= r)) rarest = { a, b, r, step, count };
    }
    if (rarest) {
      const { a, b, r, step, count } = rarest;
      const names = [element[a], element[b]].sort((p, q) => p - q).map((e) => symbols[e]);
      const known = ["no such pair", "only one such pair"][count] ?? `only ${count} such pairs`;
      const [low, high] = [step, step + 1].map((k) => fixed(domain.bin * k, 2));
      found.push(
        `${names.join(" and ")} are ${fixed(r, 2)} Å apart; the training molecules have ${known} ` +
          `between ${low} and ${high} Å`,
      );
    } else if (n >= domain.fewest) {
      const valences = new Float64Array(n);
      const radius = (a) => domain.radii[z[a]];
      for (const side of ["a", "b"]) {
        for (const pair of pairs) {
          valences[pair[side]] += Math.exp(
            (radius(pair.a) + radius(pair.b) - pair.r) / domain.decay,
          );
        }
      }
      found.push(...oddValence(domain, element, valences, symbols));
    }
    return found;
  };

  // ------------------------------------------------------------------------------- the prediction

  // The tensors of a network, as views of all numbers in a row.
  const unpacked = (model) => {
    const bytes = Uint8Array.from(atob(model.weights), (letter) => letter.charCodeAt(0));
    const numbers = new Float32Array(bytes.buffer); // little-endian, as all of today's machines
    let at = 0;
    return model.networks.map((network) => {
      const tensors = {};
      for (const [name, size] of network.tensors) {
        tensors[name] = numbers.subarray(at, at + size);
        at += size;
      }
      return { ...network, tensors };
    });
  };

  // What predicts: an object with `predict(z, x)`, of atomic numbers and positions (3 n, Å).
  const make = (model) => {
    const { domain, calibration } = model;
    const members = unpacked(model);
    const judge = members.pop();
    const number = (z) => domain.elements.indexOf(z);

    const predict = (numbers, positions) => {
      const z = Array.from(numbers);
      const foreign = z.filter((one) => number(one) < 0);
      if (foreign.length) throw new Error(`no element of QM9: ${foreign[0]}`);
      const x = centred(positions);
      const atoms = new Float64Array(z.length); // hartree; their sum is the prediction
      const values = members.map((member) => {
        const found = atomEnergies(member, z, x);
        const own = z.map((one, a) => member.reference[number(one)] + member.scale * found[a]);
        own.forEach((value, a) => {
          atoms[a] += (value + member.mean / z.length) / members.length;
        });
        return own.reduce((sum, value) => sum + value, member.mean);
      });
      const value = values.reduce((sum, one) => sum + one, 0) / values.length;
      const square = values.reduce((sum, one) => sum + (one - value) ** 2, 0);
      const spread = Math.sqrt(square / (values.length - 1)) * model.factor; // kcal/mol
      const warnings = concerns(domain, z, x);
      if (!(spread <= calibration.most)) {
        // or not a number
        const reason = `the networks disagree by more than ${calibration.most} kcal/mol`;
        return {
          value: null,
          uncertainty: null,
          warnings: [`no prediction of ${model.label}: ${reason}`, ...warnings],
        };
      }
      if (spread > calibration.limit) {
        warnings.push(
          `the networks disagree about ${model.label} by ${written(spread, 2)} kcal/mol, more ` +
            "than for 999 of 1,000 molecules of QM9: the error may be far larger than the " +
            "uncertainty says",
        );
      }
      // As learned_error of weights.py: a mean over the atoms, and the logarithm of an error.
      const rough = atomEnergies(judge, z, x).reduce((sum, one) => sum + one, 0) / z.length;
      const logarithm = z.reduce(
        (sum, one) => sum + judge.reference[number(one)],
        judge.mean + judge.scale * rough,
      );
      const [least, largest] = model.logarithms;
      const learned = Math.exp(Math.min(Math.max(logarithm, least), largest));
      const expected =
        learned ** calibration.power *
        Math.hypot(calibration.floor, (calibration.scale * spread) / learned);
      const free = z.reduce((sum, one) => sum + model.freeAtoms[one], 0);
      return {
        value,
        uncertainty: Math.min(expected, calibration.most),
        atomization: (value - free) * model.factor,
        warnings,
        values,
        spread,
        atoms,
      };
    };
    // `predict` for what xyz.js has read, with what its elements and its comment give to warn of.
    const ask = (molecule) => {
      const { commentWarnings, foreign, SYMBOLS } = globalThis.qm9Xyz;
      const comments = commentWarnings(molecule);
      const known = domain.elements.map((one) => domain.symbols[one]);
      const others = foreign(molecule, known);
      if (others.length) {
        const reason = `the models know H, C, N, O and F, not ${others.join(", ")}`;
        return {
          value: null,
          uncertainty: null,
          warnings: [`no prediction: ${reason}`, ...comments],
        };
      }
      const z = molecule.symbols.map((symbol) => SYMBOLS.indexOf(symbol) + 1);
      const answer = predict(z, molecule.positions);
      return { ...answer, warnings: [...comments, ...answer.warnings] };
    };
    return { ask, predict, bonds: (z, x) => bonds(domain, z, x, domain.drawn) };
  };

  return { make, fixed, distance };
})();
