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

// Reasons and assumptions of keras_pde's certificates by how they begin.
const REASONS = [
  [/^step sizes ≤ 2\/\((2β \+ )?L_g‖K‖²\)/, "Every step is short enough for its kernels: none can amplify."],
  [/^a step size exceeds .*though Φ is monotone/, "A step is longer than the limit, so two similar inputs can be driven apart."],
  [/^a step size exceeds/, "A step is longer than the limit, so it can amplify."],
  [/^the diffusivity is negative somewhere/, "The filter runs diffusion backwards in places, which sharpens and amplifies."],
  [/^cycle polynomial/, "The steps of a cycle, some of them long, together cannot amplify, as the diffusivity is kept over the cycle."],
  [/^sup \|p\| over the spectrum/, "The steps of a cycle together amplify no frequency by more than this."],
  [/^worst case of a varying operator/, "The steps extrapolate; this is the worst case, as the theorem for them is for a diffusivity that is kept."],
  [/^an inner bias/, "The network adds something even to a black picture."],
  [/^implicit, g ≥ 0/, "An implicit step that only smooths cannot amplify, however long it is."],
  [/^linear: the norm bound/, "The filter is linear: what bounds its result bounds changes of it as well."],
  [/^no theorem: the frozen diffusivity/, "The diffusivity is kept over a cycle and comes from the picture at its start, and no theorem bounds what that does."],
  [/^Φ is .*; gates of the input add up to/, "What a pixel is smoothed by depends on the input around it, so two similar inputs can be driven apart; the factor is the worst case, a sum over the steps."],
  [/^Φ is .*; gates add up to/, "What a pixel is smoothed by depends on its neighbours, so two similar inputs can be driven apart; the factor is the worst case."],
  [/^Φ is monotone.*extrapolation/, "The nonlinearity never falls; the factor is the worst case of extrapolating."],
  [/^Φ is monotone/, "The nonlinearity never falls, so two inputs are never driven apart."],
  [/^Φ is not monotone: Φ′ ≥ ([^\s,]+)/, "The nonlinearity falls in places, with a slope down to $1, which sharpens edges: two similar inputs can be driven apart."],
  [/^needs a flux that is the gradient/, "That theorem needs steps that follow an energy, and these do not: what a pixel is smoothed by depends on its neighbours."],
  [/^needs gates that are held/, "What a pixel is smoothed by depends on the input around it, and the theorem is for smoothing that is the same for all inputs."],
  [/^needs a monotone flux$/, "That theorem needs a nonlinearity that never falls, and this one falls in places."],
  [/^step sizes < 2\/\(L‖K‖²\), monotone flux/, "Every step is shorter than the limit, and the nonlinearity never falls."],
  [/^no rule for a data term/, "The filter keeps the picture in view at every step, and there is no theorem for that."],
  [/^needs a spectrum above −1/, "Some frequency may be turned over entirely."],
  [/^needs step sizes < 2/, "A step reaches the limit of that theorem."],
  [/^symmetric with spectrum/, "The filter is linear and symmetric, and no frequency is turned over."],
  [/^no rule for frozen/, "There is no theorem for a diffusivity that is kept, or for steps that extrapolate."],
  [/^proximal map of a convex energy/, "The result is the one minimiser of a convex energy; such a map is firmly nonexpansive."],
  [/^the flux is no gradient/, "What a pixel is smoothed by depends on its neighbours, so the steps follow no energy."],
  [/^each (block|step) has an energy of its own$/, "Each step has kernels of its own, so there is no one energy that all of them lower."],
  [/^step sizes ≤ 2\/\(β \+ L‖K‖²\)/, "All steps follow the gradient of one energy, each short enough to lower it."],
  [/^the cycle is a polynomial/, "The filter is linear and damps every frequency of its energy."],
  [/^the energy changes with the diffusivity/, "Over a cycle the diffusivity is kept, and with it another energy goes down."],
  [/^needs τ\(β \+ L‖K‖²\) ≤ 2/, "A step is too long to be sure to lower the energy."],
  [/^Du Fort-Frankel: E/, "An energy of two states in a row goes down, and it starts at the picture's."],
  [/^varying extrapolation weights/, "No energy is known for steps that extrapolate by varying weights."],
  [/^the minimiser of ½‖u − f‖²/, "The result is the one minimiser of distance to the input plus energy."],
  [/there may be several solutions/, "The equation may have several solutions."],
  [/^the energy is one of the state/, "The energy is one of the network's inner channels, not of the picture."],
  [/^no rule for a multigrid cycle/, "There is no theorem for a multigrid cycle."],
  [/^the lifting is learned/, "The map to the network's inner channels is learned, and does not keep distances."],
];

const ASSUMPTIONS = [
  [/^exact arithmetic$/, "Exact arithmetic. Your browser computes with 7 digits, and the picture shown is rounded to 8 bits."],
  [/^a noise level that does not change with [uf]$/, "A noise level that you set: the constants compare pictures at one level, and not an estimate from each."],
  [/^for the Lipschitz constant one noise level/, "For what is said of two pictures: one noise level for the whole picture, of 5 to 55 grey levels."],
  [/^a stopping time and a noise level/, "A noise level and a stopping time that you set: the constants compare pictures at one level and time, and not an estimate from each."],
  [/^solves to the relative residual ([^\s,;]+)/, "Equations solved to the relative residual $1, which this file does not report. The constants are those of the exact solution; what is computed may be off by as much as each statement says."],
  [/^spatial sizes of at least (\d+)/, "A picture of at least $1 pixels each way."],
];

function plain(text, table) {
  for (const [pattern, words] of table) {
    const found = text.match(pattern);
    if (found) return words.replace("$1", (found[1] ?? "").replace("-", "−"));
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
  // how far a statement may be missed, as solves stop at a tolerance: nothing where nothing is solved
  const off = Object.fromEntries((known.guarantees ?? []).map((g) => [g.key, g.tolerance]));
  const margin = (key, unit = "‖u‖") => (off[key] === 0 || off[key] === undefined ? "" : off[key] === null ? ", of exact solutions" : `, to ${rounded(off[key], 2)}${unit}`);
  return {
    statements: [
      usable(gain)
        ? statement("norm", "Stability", true, gain <= 1 ? "proved" : `proved, factor ${rounded(gain)}`, `The sum of squares of all pixel values never grows${gain <= 1 ? "" : " beyond a factor"}: ‖N(u)‖ ≤ ${gain <= 1 ? "" : rounded(gain)}‖u‖${margin("norm")}, for every picture.`)
        : statement("norm", "Stability", false, "not proved", "No bound of the result's size by the input's."),
      usable(lipschitz)
        ? statement("lipschitz", "Sensitivity", true, lipschitz <= 1 ? "proved" : `proved, factor ${rounded(lipschitz)}`, `A change of the input changes the result at most ${lipschitz <= 1 ? "as much" : `${rounded(lipschitz)} times as much`}: ‖N(u) − N(v)‖ ≤ ${lipschitz <= 1 ? "" : rounded(lipschitz)}‖u − v‖${margin("lipschitz", "(‖u‖ + ‖v‖)")}.`)
        : statement("lipschitz", "Sensitivity", false, "not proved", "No useful bound of how much a change of the input changes the result."),
      averaged !== null
        ? statement("averaged", "Averagedness", true, `proved, θ ${averaged === 0 ? "= 0" : `≤ ${rounded(averaged)}`}`, `What iterations that use the filter as a prior (plug-and-play reconstruction) need to converge${averaged <= 0.5 ? "; it is firmly nonexpansive" : ""}${margin("averaged")}.`)
        : statement("averaged", "Averagedness", false, "not proved", "No theorem that iterations that use the filter as a prior (plug-and-play reconstruction) converge."),
      energy
        ? statement("energy", "Energy descent", true, "proved", `The filter lowers an energy that measures roughness, and never raises it: E(N(u)) ≤ E(u)${margin("energy")}.`)
        : statement("energy", "Energy descent", false, "not proved", "There is no one energy that the filter lowers."),
    ],
    assumptions: known.assumptions.map((text) => ({ words: plain(text, ASSUMPTIONS) ?? text, formal: text })),
    steps: about.time ? { count: known.steps, size: known.step } : null,
  };
}
