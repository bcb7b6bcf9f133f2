// Noise added, estimated, and measured; the same formulas as keras_pde/data/noise.py. Levels are in grey levels of 255, pixels in [0, 1].
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

// Standard deviation of white Gaussian noise: median(|d|)/0.6745 of the finest diagonal details d (Donoho, Johnstone 1994).
export function estimate({ width, height, channels, data }) {
  const pieces = Math.ceil(data.length / (1 << 22));
  const bands = pieces === 1 ? [[0, height]] : [];
  for (let top = 0; pieces > 1 && top < height; top += 64 * pieces) bands.push([top, Math.min(top + 64, height)]);
  let squares = 0;
  for (let channel = 0; channel < channels; channel++) {
    const all = [], clean = [];
    for (const [top, bottom] of bands) {
      for (let y = top; y + 3 < bottom; y += 2) {
        for (let x = 0; x + 3 < width; x += 2) {
          let detail = 0, clipped = false;
          for (let j = 0; j < 4; j++) {
            let row = 0;
            for (let i = 0; i < 4; i++) {
              const value = data[((y + i) * width + x + j) * channels + channel];
              row += DAUBECHIES[i] * value;
              clipped ||= value === 0 || value === 1;
            }
            detail += DAUBECHIES[j] * row;
          }
          all.push(Math.abs(detail));
          if (!clipped) clean.push(Math.abs(detail));
        }
      }
    }
    const kept = (clean.length > all.length / 20 ? clean : all).filter((d) => d > 0);
    squares += kept.length ? (median(kept) / 0.6744897501960817) ** 2 : 0;
  }
  return 255 * Math.sqrt(squares / channels);
}

function median(values) {
  const sorted = Float64Array.from(values).sort(), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
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
