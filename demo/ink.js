// From pictures to the few numbers that a network gets: white ink on black, from 0 to 1.

// Brightness of 8-bit RGBA; colours by the weights of ITU-R 601.
export function brightness(rgba) {
  const out = new Float64Array(rgba.length / 4);
  for (let p = 0; p < out.length; p++) {
    const [r, g, b] = rgba.subarray(4 * p, 4 * p + 3);
    out[p] = (r === g && g === b ? r : 0.299 * r + 0.587 * g + 0.114 * b) / 255;
  }
  return out;
}

// Whether the rim of a picture is light, so that the ink is dark.
export function onPaper({ data, width, height }) {
  let sum = 0, count = 0;
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) if (x === 0 || y === 0 || x === width - 1 || y === height - 1) [sum, count] = [sum + data[y * width + x], count + 1];
  return sum > count / 2;
}

// The box around what is brighter than half of the range; null where the picture is even.
export function box({ data, width, height }) {
  let low = Infinity, high = -Infinity;
  for (const v of data) [low, high] = [Math.min(low, v), Math.max(high, v)];
  if (!(high - low > 0.05)) return null;
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let p = 0; p < data.length; p++) {
    if (data[p] <= (low + high) / 2) continue;
    const x = p % width, y = Math.floor(p / width);
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x + 1), Math.max(bottom, y + 1)];
  }
  return { left, top, right, bottom, low, high };
}

// The ink cut out, as large as fits into rows × columns, in the middle; each number is the mean of the area that it covers.
export function fitted(picture, rows, columns) {
  const out = new Float64Array(rows * columns), found = box(picture);
  if (!found) return out;
  const { left, top, right, bottom, low, high } = found;
  const scale = Math.max((bottom - top) / rows, (right - left) / columns); // pixels of the picture for one of the network's
  const x0 = (left + right - columns * scale) / 2, y0 = (top + bottom - rows * scale) / 2;
  const shares = (from, size) => { // pixels that an interval covers, with how much of each
    const list = [];
    for (let k = Math.floor(from); k < from + scale; k++) {
      const share = Math.min(k + 1, from + scale) - Math.max(k, from);
      if (share > 0 && k >= 0 && k < size) list.push([k, share]);
    }
    return list;
  };
  for (let i = 0; i < rows; i++) {
    const down = shares(y0 + i * scale, picture.height);
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (const [x, across] of shares(x0 + j * scale, picture.width)) for (const [y, share] of down) sum += across * share * (picture.data[y * picture.width + x] - low);
      out[i * columns + j] = Math.min(1, sum / (scale * scale * (high - low)));
    }
  }
  return out;
}
