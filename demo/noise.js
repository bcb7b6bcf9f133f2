// Noise added, estimated, and measured; the same formulas as keras_pde/data/noise/white.py. Levels are in grey levels of 255, pixels in [0, 1].
import { clippedShare, coreOf, rangeOf, withoutGap } from "./edges.js";

const DAUBECHIES = [-0.12940952255092145, -0.22414386804185735, 0.836516303737469, -0.48296291314469025];

// The pixels plus Gaussian noise, not clipped; the same for the same seed (mulberry32, Box-Muller).
export function addNoise(data, sigma, seed = 1) {
  const out = new Float32Array(data.length);
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  for (let i = 0; i < data.length; i += 2) {
    const radius = (sigma / 255) * Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    out[i] = data[i] + radius * Math.cos(angle);
    if (i + 1 < data.length) out[i + 1] = data[i + 1] + radius * Math.sin(angle);
  }
  return out;
}

// Peak signal-to-noise ratio in dB of values clipped to [0, 1] where asked for.
export function psnr(clean, image, clip = false) {
  let sum = 0;
  for (let i = 0; i < clean.length; i++) {
    const value = clip ? Math.min(1, Math.max(0, image[i])) : image[i];
    sum += (value - clean[i]) ** 2;
  }
  return 10 * Math.log10(clean.length / sum);
}

// Standard deviation of white Gaussian noise by the quietest cells of the finest diagonal details, as keras_pde.data.noise.estimate says.
export function estimate({ width, height, channels, data }) {
  const pieces = Math.ceil(data.length / (1 << 22));
  const bands = pieces === 1 ? [[0, height]] : [];
  for (let top = 0; pieces > 1 && top < height; top += 64 * pieces) bands.push([top, Math.min(top + 64, height)]);
  let squares = 0;
  for (let channel = 0; channel < channels; channel++) {
    const planes = bands.map(([top, bottom]) => {
      const values = new Float64Array((bottom - top) * width);
      for (let i = 0; i < values.length; i++) values[i] = data[(top * width + i) * channels + channel];
      return { width, height: bottom - top, values };
    });
    squares += levelOf(planes) ** 2;
  }
  const level = Math.sqrt(squares / channels); // of an image without noise it is rounding
  return level > 1e-9 ? 255 * level : 0;
}

function levelOf(planes) {
  const level = quietOf(planes), rest = level ? withoutGap(planes) : null, found = rest ? quietOf(rest) : level;
  return found < 0.4 * level ? found : level;
}

function quietOf(planes) {
  const ends = clippedAt(planes), found = planes.map(detailsOf);
  const kept = found.flatMap(({ values, varied }) => Array.from(values).filter((_, i) => varied[i]).map(Math.abs));
  if (!kept.length) return 0;
  let level;
  for (const side of [8, 4]) {
    const variances = [], medians = [], coarse = [];
    let touched = 0;
    planes.forEach((plane, i) => { touched += cellsOf(plane, found[i], ends, side, variances, medians, coarse); });
    if (variances.length < Math.max(8, 0.2 * touched)) continue;
    const share = 2 / (9 * side ** 2), below = (1 - share - 1.0364333894937898 * Math.sqrt(share)) ** 3;
    const least = [quantile(variances, 0.15) / below, quantile(medians, 0.5)];
    if (variances.length >= 64) {
      const most = quantile(coarse, 0.15), quiet = variances.filter((_, i) => coarse[i] <= most);
      least.push(quiet.reduce((sum, x) => sum + x, 0) / quiet.length);
    }
    level = Math.sqrt(Math.min(...least));
    break;
  }
  if (level === undefined) {
    level = quantile(kept, 0.5) / 0.6744897501960817;
    if (level > Math.min(stepOf(planes), 0.01) && coherent(planes)) return 0;
  }
  const [low, high] = rangeOf(planes);
  if (level < 0.01 * (high - low)) return level;
  const core = coreOf(kept);
  if (core > 0.7 * level) return level;
  const clipped = clippedShare(planes, found, ends, 2.5 * core);
  return clipped > 0.7 ? level : Math.min(level, core / Math.sqrt(clippedVariance(Math.round(256 * clipped), 0, 256)));
}

// The values at or beyond which noise is clipped.
function clippedAt(planes) {
  let low = Infinity, high = -Infinity, size = 0, lows = 0, highs = 0;
  for (const { values } of planes) for (const x of values) [low, high] = [Math.min(low, x), Math.max(high, x)];
  for (const { values } of planes) for (const x of values) [size, lows, highs] = [size + 1, lows + (x === low), highs + (x === high)];
  return [lows > size / 100 || low >= 0 ? low : -Infinity, highs > size / 100 || high <= 1 ? high : Infinity];
}

function detailsOf({ width, height, values: plane }) {
  const rows = Math.max(0, (height - 2) >> 1), columns = Math.max(0, (width - 2) >> 1);
  const values = new Float64Array(rows * columns), varied = new Uint8Array(rows * columns);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const first = plane[2 * y * width + 2 * x];
      let detail = 0, equal = true;
      for (let j = 0; j < 4; j++) {
        let row = 0;
        for (let i = 0; i < 4; i++) {
          const value = plane[(2 * y + i) * width + 2 * x + j];
          row += DAUBECHIES[i] * value;
          equal &&= value === first;
        }
        detail += DAUBECHIES[j] * row;
      }
      values[y * columns + x] = detail;
      varied[y * columns + x] = !equal;
    }
  }
  return { rows, columns, values, varied };
}

// Appends the variances of cells full of noise; returns how many cells have details at all.
function cellsOf({ width, height, values: plane }, { rows, columns, values, varied }, [low, high], side, variances, medians, coarse) {
  const count = 4 * side ** 2, coarser = detailsOf(halved(width, height, plane));
  let touched = 0;
  for (let top = 0; top + side <= rows; top += side) {
    for (let left = 0; left + side <= columns; left += side) {
      const squared = [];
      let full = 0, squares = 0, below = 0, above = 0, over = 0, under = 0;
      for (let i = 0; i < side; i++) for (let j = 0; j < side; j++) {
        const at = (top + i) * columns + left + j;
        full += varied[at];
        squared.push(values[at] ** 2);
        squares += values[at] ** 2;
      }
      touched += full > 0;
      if (full < side ** 2) continue;
      for (let i = 0; i < 2 * side; i++) for (let j = 0; j < 2 * side; j++) {
        const x = plane[(2 * top + i) * width + 2 * left + j];
        below += x <= low;
        above += x >= high;
        over += Math.max(x - low, 0);
        under += Math.max(high - x, 0);
      }
      if (below + above > 0.7 * count) continue;
      const [, a, atA] = end(below, count), [, b, atB] = end(above, count);
      const clipped = clippedVariance(below, above, count), variance = squares / side ** 2 / clipped;
      const near = (share, gaps, z, density) => share < 0.02 * count || gaps / count / Math.max(z * (1 - share / count) + density, 1e-9) < 1.5 * Math.sqrt(variance);
      if (near(below, over, a, atA) && near(above, under, b, atB)) {
        variances.push(variance);
        coarse.push(coarseSum(coarser, top / 2, left / 2, side / 2) / clipped);
        medians.push(below + above < 0.02 * count ? quantile(squared, 0.5) / 0.6744897501960817 ** 2 : variance);
      }
    }
  }
  return touched;
}

// Sums of 2 × 2 pixels.
function halved(width, height, plane) {
  const half = { width: width >> 1, height: height >> 1, values: new Float64Array((width >> 1) * (height >> 1)) };
  for (let y = 0; y < half.height; y++) for (let x = 0; x < half.width; x++) {
    const at = 2 * y * width + 2 * x;
    half.values[y * half.width + x] = plane[at] + plane[at + width] + plane[at + 1] + plane[at + width + 1];
  }
  return half;
}

// The sum of the squares of a cell's details; infinite where it is cut.
function coarseSum({ rows, columns, values }, top, left, side) {
  if (top + side > rows || left + side > columns) return Infinity;
  let sum = 0;
  for (let i = 0; i < side; i++) for (let j = 0; j < side; j++) sum += values[(top + i) * columns + left + j] ** 2;
  return sum;
}

// The variance of a standard normal variable of which so many of count are clipped below and above.
function clippedVariance(below, above, count) {
  const [p, a, atA] = end(below, count), [q, b, atB] = end(above, count);
  const mean = -a * p + b * q + atA - atB, square = a ** 2 * p + b ** 2 * q + 1 - p - q - a * atA - b * atB;
  return square - mean ** 2;
}

// The share k of n that is clipped, where a normal variable is, and its density there.
const ends = new Map();
function end(k, n) {
  if (k === 0) return [0, 0, 0];
  if (!ends.has(k / n)) {
    let low = -9, high = 9;
    for (let i = 0; i < 60; i++) tail((low + high) / 2) > k / n ? (low = (low + high) / 2) : (high = (low + high) / 2);
    ends.set(k / n, [k / n, low, Math.exp(-(low ** 2) / 2) / Math.sqrt(2 * Math.PI)]);
  }
  return ends.get(k / n);
}

// 1 − Φ(z) by Simpson's rule.
function tail(z) {
  const steps = 400, step = (10 - z) / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) sum += (i === 0 || i === steps ? 1 : i % 2 ? 4 : 2) * Math.exp(-((z + i * step) ** 2) / 2);
  return (sum * step) / 3 / Math.sqrt(2 * Math.PI);
}

// Whether neighbours are equal more often than two pixels at random are.
function coherent(planes) {
  const counts = new Map();
  let equal = 0, pairs = 0, size = 0;
  for (const { width, height, values } of planes) {
    for (let i = 0; i < values.length; i++) {
      counts.set(values[i], (counts.get(values[i]) ?? 0) + 1);
      if ((i + 1) % width) equal += values[i] === values[i + 1];
      if (i + width < values.length) equal += values[i] === values[i + width];
    }
    pairs += 2 * width * height - width - height;
    size += values.length;
  }
  let chance = 0;
  for (const n of counts.values()) chance += (n / size) ** 2;
  return equal / pairs - chance > 0.3 * (1 - chance);
}

// The least distance of two values: of rounding.
function stepOf(planes) {
  const values = Float64Array.from(new Set(planes.flatMap(({ values }) => Array.from(values.subarray(0, 1 << 16))))).sort();
  let least = values.length > 1 ? Infinity : 0;
  for (let i = 1; i < values.length; i++) least = Math.min(least, values[i] - values[i - 1]);
  return least;
}

function quantile(values, share) {
  const sorted = Float64Array.from(values).sort(), place = share * (sorted.length - 1), at = Math.floor(place);
  return sorted[at] + (place - at) * ((sorted[at + 1] ?? sorted[at]) - sorted[at]);
}

// The tuned stopping time: linear in log-log between the table's levels, constant outside.
export function stoppingTime(table, sigma) {
  const levels = Object.keys(table).map(Number).sort((a, b) => a - b);
  const times = levels.map((level) => table[level]);
  if (sigma <= levels[0]) return times[0];
  const above = levels.findIndex((level) => level >= sigma);
  if (above < 0) return times[times.length - 1];
  const part = Math.log(sigma / levels[above - 1]) / Math.log(levels[above] / levels[above - 1]);
  return times[above - 1] * (times[above] / times[above - 1]) ** part;
}
