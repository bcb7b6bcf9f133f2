// The certificate of an ONNX file, in plain words.

// Steps to a stopping time, and the constants there, from those of one largest step: a step of a share s of it has the constant
// 1 + (c − 1)s at most, by convexity, and is sθ-averaged; constants multiply, averaged maps add up θ/(1 − θ).
export function at(facts, time) {
  const largest = facts["largest step"], one = facts["of the largest step"];
  const reached = Math.min(Math.max(time, 0), largest * facts["most steps"]);
  const steps = Math.ceil((reached / largest) * (1 - 1e-6));
  const step = steps ? Math.min(reached / steps, largest) : 0, share = step / largest;
  const power = (constant) => (constant === null ? null : (1 + Math.max(0, constant - 1) * share) ** steps);
  const sum = one.averaged === null ? null : (steps * share * one.averaged) / (1 - share * one.averaged);
  return { steps, step, norm_gain: power(one.norm_gain), lipschitz: power(one.lipschitz), averaged: sum === null ? null : sum / (1 + sum) };
}

// A bound is rounded up.
export function rounded(x, digits = 5) {
  const text = x.toPrecision(digits);
  const up = Number(text) >= x ? Number(text) : Number(text) + 10 ** (Math.floor(Math.log10(x)) - digits + 1);
  return String(Number(up.toPrecision(digits)));
}

const REASONS = [
  [/^step sizes ≤ 2\/\(L_g‖K‖²\) \(S1\)$/, "Every step is short enough for its kernels: none can amplify."],
  [/^Φ is monotone/, "The nonlinearity never falls, so two inputs are never driven apart."],
  [/^Φ is not monotone: Φ′ ≥ (\S+)/, "The nonlinearity falls in places, with a slope down to $1, which sharpens edges: two similar inputs can be driven apart, by this factor at most."],
  [/^needs a monotone flux$/, "That theorem needs a nonlinearity that never falls, and this one falls in places."],
  [/^step sizes < 2\/\(L‖K‖²\), monotone flux/, "Every step is shorter than the limit, and the nonlinearity never falls."],
  [/^each block has an energy of its own$/, "Each step has kernels of its own, so there is no one energy that all of them lower."],
  [/^step sizes ≤ 2\/\(β \+ L‖K‖²\)/, "All steps follow the gradient of one energy, each short enough to lower it."],
  [/^implicit, g ≥ 0: for every τ$/, "An implicit step that only smooths cannot amplify, however long it is."],
  [/^proximal map of a convex energy/, "The result is the one minimiser of a convex energy; such a map is firmly nonexpansive."],
  [/^the minimiser of ½‖u − f‖² \+ τE\(u\) is unique$/, "The result is the one minimiser of distance to the input plus energy."],
];

const ASSUMPTIONS = [
  [/^exact arithmetic$/, "Exact arithmetic. Your browser computes with 7 digits, and the picture shown is rounded to 8 bits."],
  [/^a noise level that does not change with [uf]$/, "A noise level that you set: the constants compare pictures at one level, and not an estimate from each."],
  [/^a stopping time and a noise level that do not change/, "A noise level and a stopping time that you set: the constants compare pictures at one level and time, and not an estimate from each."],
  [/^solves to the relative residual (\S+),/, "Equations solved to the relative residual $1, which this file does not report; the constants are those of the exact solution."],
];

function plain(text, table) {
  for (const [pattern, words] of table) {
    const found = text.match(pattern);
    if (found) return words.replace("$1", found[1]);
  }
  return null;
}

// Of metadata, and a stopping time where the file takes one: four statements, each {title, verdict, proved, says, because, formal}; assumptions.
export function explain(about, time) {
  const known = { ...about.certificate, ...(about.time ? at(about.time, time) : {}) };
  const { norm_gain: gain, lipschitz, averaged, energy_descent: energy, reasons } = known;
  const still = about.time && known.steps === 0;
  const statement = (key, title, proved, verdict, says) => ({
    title, verdict, proved, says, because: still ? "No step is taken: the picture stays as it is." : plain(reasons[key], REASONS) ?? "", formal: reasons[key],
  });
  const usable = (x) => x !== null && x < 1e6;
  return {
    statements: [
      usable(gain)
        ? statement("norm", "Stability", true, gain <= 1 ? "proved" : `proved, factor ${rounded(gain)}`, `The sum of squares of all pixel values never grows${gain <= 1 ? "" : " beyond a factor"}: ‖N(u)‖ ≤ ${gain <= 1 ? "" : rounded(gain)}‖u‖, for every picture.`)
        : statement("norm", "Stability", false, "not proved", "No bound of the result's size by the input's."),
      usable(lipschitz)
        ? statement("lipschitz", "Sensitivity", true, lipschitz <= 1 ? "proved" : `proved, factor ${rounded(lipschitz)}`, `A change of the input changes the result at most ${lipschitz <= 1 ? "as much" : `${rounded(lipschitz)} times as much`}: ‖N(u) − N(v)‖ ≤ ${lipschitz <= 1 ? "" : rounded(lipschitz)}‖u − v‖.`)
        : statement("lipschitz", "Sensitivity", false, "not proved", "No useful bound of how much a change of the input changes the result."),
      averaged !== null
        ? statement("averaged", "Averagedness", true, `proved, θ ${averaged === 0 ? "= 0" : `≤ ${rounded(averaged)}`}`, `What iterations that use the filter as a prior (plug-and-play reconstruction) need to converge${averaged <= 0.5 ? "; it is firmly nonexpansive" : ""}.`)
        : statement("averaged", "Averagedness", false, "not proved", "No theorem that iterations that use the filter as a prior (plug-and-play reconstruction) converge."),
      energy
        ? statement("energy", "Energy descent", true, "proved", "The filter lowers an energy that measures roughness, and never raises it: E(N(u)) ≤ E(u).")
        : statement("energy", "Energy descent", false, "not proved", "There is no one energy that the filter lowers."),
    ],
    assumptions: known.assumptions.map((text) => ({ words: plain(text, ASSUMPTIONS) ?? text, formal: text })),
    steps: about.time ? { count: known.steps, size: known.step } : null,
  };
}
