// What edges leave of the noise: bounds of its level for prints and halftones; the same formulas as keras_pde/data/noise/edges.py.

// The least and the largest value.
export function rangeOf(planes) {
  let low = Infinity, high = -Infinity;
  for (const { values } of planes) for (const x of values) [low, high] = [Math.min(low, x), Math.max(high, x)];
  return [low, high];
}

// The least s for which the details in [-2.5 s, 2.5 s] have the variance of a normal variable, as keras_pde.data.noise.edges.core says.
export function coreOf(details) {
  const step = Math.ceil(details.length / (1 << 17)) || 1;
  const squares = Float64Array.from(details.filter((_, i) => i % step === 0), (x) => x * x).sort(), count = squares.length;
  if (count < 64) return Infinity;
  const sums = new Float64Array(count + 1);
  squares.forEach((x, i) => { sums[i + 1] = sums[i] + x; });
  let found = squares[Math.max(64, Math.floor(0.1 * count)) - 1] / 2.5 ** 2, inside = 0;
  for (let i = 0; i < 99; i++) {
    while (inside < count && squares[inside] <= 2.5 ** 2 * found) inside += 1;
    const larger = sums[inside] / inside / 0.9112563609353919;
    if (!(larger > 1.001 * found)) break;
    found = larger;
  }
  return Math.sqrt(found);
}

// Of the pixels behind the details that are at most so large, the share at the ends.
export function clippedShare(planes, found, [low, high], most) {
  let clipped = 0, pixels = 0;
  planes.forEach(({ width, values: plane }, k) => {
    const { columns, values, varied } = found[k];
    for (let at = 0; at < values.length; at++) {
      if (!varied[at] || Math.abs(values[at]) > most) continue;
      const y = 2 * Math.floor(at / columns), x = 2 * (at % columns);
      for (let j = 0; j < 16; j++) {
        const value = plane[(y + (j >> 2)) * width + x + (j & 3)];
        clipped += value <= low || value >= high;
      }
      pixels += 16;
    }
  });
  return clipped / pixels;
}

// Less the means below and above a gap of a quarter of the range, as keras_pde.data.noise.edges.without_gap says.
export function withoutGap(planes) {
  const [low, high] = rangeOf(planes), size = planes.reduce((sum, { values }) => sum + values.length, 0);
  if (!(low < high) || size < 1024) return null;
  const used = new Uint8Array(32);
  for (const { values } of planes) for (const x of values) used[Math.min(31, Math.floor((x - low) * (32 / (high - low))))] = 1;
  const full = [...used.keys()].filter((i) => used[i]), gaps = full.slice(1).map((end, i) => end - full[i]);
  const at = gaps.indexOf(Math.max(...gaps));
  if (!(gaps[at] > 8)) return null;
  const middle = low + ((high - low) * (full[at] + full[at + 1] + 1)) / 64, sums = [0, 0], counts = [0, 0];
  for (const { values } of planes) for (const x of values) [sums[+(x > middle)], counts[+(x > middle)]] = [sums[+(x > middle)] + x, counts[+(x > middle)] + 1];
  const near = [[0, 1], [1, 0], [1, 1], [0, 2], [2, 0]].map((to) => correlation(planes, middle, counts[1] / size, ...to));
  if (Math.max(...near) < 0.2) return null; // noise
  return planes.map((plane) => ({ ...plane, values: plane.values.map((x) => x - sums[+(x > middle)] / counts[+(x > middle)]) }));
}

// The size of the correlation of bright pixels so far apart.
function correlation(planes, middle, mean, rows, columns) {
  let both = 0, count = 0;
  for (const { width, height, values } of planes) {
    for (let y = rows; y < height; y++) for (let x = columns; x < width; x++) {
      both += values[y * width + x] > middle && values[(y - rows) * width + x - columns] > middle;
      count += 1;
    }
  }
  return Math.abs(both / Math.max(count, 1) - mean ** 2) / (mean * (1 - mean));
}
