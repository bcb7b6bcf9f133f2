// The answer that logits give, and how far it is proved: no ‖e‖ < (z_y − z_j − error)/slopes[y][j] makes j the answer in the place of y.
// Slopes, and the error that differences of computed logits have at most, are in the metadata of an ONNX file of a classifier.
const OUTWARD = 1 + 1e-12; // roundings of the quotient

export function answer(logits, { slopes, error }) {
  const z = Array.from(logits);
  if (!z.every(Number.isFinite)) return { label: 0, nearest: 0, margin: 0, radius: 0, logits: z, distances: z.map(() => 0) };
  const label = z.indexOf(Math.max(...z));
  const distances = z.map((other, j) => {
    const gap = z[label] - other - error;
    return j === label ? Infinity : gap > 0 ? gap / slopes[label][j] / OUTWARD : 0;
  });
  const nearest = distances.indexOf(Math.min(...distances));
  const margin = z[label] - Math.max(...z.filter((_, j) => j !== label));
  return { label, nearest, margin, radius: distances[nearest], logits: z, distances };
}

// A radius is rounded down.
export function below(x, digits = 3) {
  if (!(x > 0) || x === Infinity) return String(x);
  const text = x.toPrecision(digits);
  const down = Number(text) <= x ? Number(text) : Number(text) - 10 ** (Math.floor(Math.log10(x)) - digits + 1);
  return String(Number(down.toPrecision(digits)));
}
