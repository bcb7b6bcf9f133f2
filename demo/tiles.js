// A filter on a large picture, tile by tile: each tile has a halo that is computed and thrown away, and ends where the picture ends.

// Cores and the windows to compute them from, of about ``least`` pixels each way, but of four halos: otherwise most of it would be halo.
// Windows begin at multiples of the network's patch size.
export function plan(width, height, reach, least, patch = 1) {
  const halo = patch * Math.ceil(reach / patch), side = Math.max(least, 4 * halo);
  if (width * height <= side * side) return [{ core: [0, 0, width, height], window: [0, 0, width, height] }];
  const cuts = (size) => {
    const count = Math.ceil(size / (side - 2 * halo));
    return [...Array.from({ length: count }, (_, i) => patch * Math.round((i * size) / count / patch)), size];
  };
  const [columns, rows] = [cuts(width), cuts(height)];
  return rows.slice(1).flatMap((bottom, j) => columns.slice(1).map((right, i) => {
    const [left, top] = [columns[i], rows[j]];
    const window = [Math.max(0, left - halo), Math.max(0, top - halo), Math.min(width, right + halo), Math.min(height, bottom + halo)];
    return { core: [left, top, right, bottom], window };
  }));
}

// Pixels of a window [left, top, right, bottom]; with ``planar`` channel after channel.
export function cut({ width, channels, data }, [left, top, right, bottom], planar) {
  const [w, h] = [right - left, bottom - top];
  const out = new Float32Array(w * h * channels);
  for (let y = 0; y < h; y++) {
    const from = ((top + y) * width + left) * channels;
    if (!planar || channels === 1) {
      out.set(data.subarray(from, from + w * channels), y * w * channels);
      continue;
    }
    for (let x = 0; x < w; x++) for (let c = 0; c < channels; c++) out[(c * h + y) * w + x] = data[from + x * channels + c];
  }
  return out;
}

// A window's result, its core written into the picture.
export function paste({ width, channels, data }, { core, window }, values, planar) {
  const [left, top, right, bottom] = core, [w, h] = [window[2] - window[0], window[3] - window[1]];
  for (let y = top; y < bottom; y++) {
    const [row, column] = [y - window[1], left - window[0]];
    if (!planar || channels === 1) {
      const from = (row * w + column) * channels;
      data.set(values.subarray(from, from + (right - left) * channels), (y * width + left) * channels);
      continue;
    }
    for (let x = left; x < right; x++) {
      for (let c = 0; c < channels; c++) data[(y * width + x) * channels + c] = values[(c * h + row) * w + x - window[0]];
    }
  }
}
