"use strict";
// Where the faces are: the detector of facekp.photo.face_maps, a network with one map for their centres and one for
// their sides. Each level of an image pyramid is half as large as the one before.

const LEVEL = { smallest: 24, first: 28, multiple: 32, stride: 4 }; // pixels; as in face_maps
const SCORE = 0.6, OVERLAP = 0.3;

/** Grey bytes in another size, as Pillow's BILINEAR: each is the mean of those under a triangle, rows after columns. */
function resized({ width, height, grey }, w, h) {
  const across = along(grey, width, w, (i, j) => j * width + i, height);
  return { width: w, height: h, grey: along(across, height, h, (i, j) => i * w + j, w, (i, j) => i * w + j) };
}

/** One pass: `length` values at index(i, j) become `size`, for each of `lines`. */
function along(values, length, size, index, lines, out = (i, j) => j * size + i) {
  const scale = length / size, reach = Math.max(scale, 1), result = new Uint8ClampedArray(size * lines);
  for (let i = 0; i < size; i++) {
    const middle = (i + 0.5) * scale;
    const from = Math.max(Math.floor(middle - reach + 0.5), 0), to = Math.min(Math.floor(middle + reach + 0.5), length);
    const weights = Array.from({ length: to - from }, (_, k) =>
      Math.max(1 - Math.abs((from + k + 0.5 - middle) / reach), 0));
    const total = weights.reduce((a, b) => a + b);
    for (let j = 0; j < lines; j++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * values[index(from + k, j)];
      result[out(i, j)] = Math.round(sum / total);
    }
  }
  return result;
}

/** The image with its last row and column repeated, so that both sides are multiples of LEVEL.multiple. */
function padded({ width, height, grey }) {
  const up = (n) => Math.ceil(n / LEVEL.multiple) * LEVEL.multiple, w = up(width), h = up(height);
  const out = new Uint8Array(w * h);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) out[y * w + x] = grey[Math.min(y, height - 1) * width + Math.min(x, width - 1)];
  return { width: w, height: h, grey: out };
}

/** The peaks of the score above SCORE: {x, y, side, score}, in pixels of the level. */
function peaks(score, side, w, h) {
  const found = [], value = (x, y) => (x < 0 || y < 0 || x >= w || y >= h ? 0 : score[y * w + x]);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const top = score[y * w + x];
      if (top <= SCORE) continue;
      const near = [], step = [-2, -1, 0, 1, 2];
      for (const dy of step) for (const dx of step) near.push([dx, dy, value(x + dx, y + dy)]);
      if (near.some(([dx, dy, v]) => Math.max(Math.abs(dx), Math.abs(dy)) === 1 && v > top)) continue;
      const least = Math.min(...near.map((n) => n[2])); // the centre of mass of what stands above it
      const mass = near.reduce((sum, n) => sum + n[2] - least, 0);
      const mean = (axis) => near.reduce((sum, n) => sum + n[axis] * (n[2] - least), 0) / mass;
      const toLevel = (position) => (position + 0.5) * LEVEL.stride - 0.5;
      found.push({ x: toLevel(x + mean(0)), y: toLevel(y + mean(1)), side: side[y * w + x], score: top });
    }
  }
  return found;
}

/** Intersection over union of two squares. */
function overlap(a, b) {
  const shared = (k) => Math.max(0, Math.min(a[k] + a.side / 2, b[k] + b.side / 2)
    - Math.max(a[k] - a.side / 2, b[k] - b.side / 2));
  const both = shared("x") * shared("y");
  return both / (a.side ** 2 + b.side ** 2 - both);
}

/** The squares of all faces, {x, y, side, score}, the largest first; none smaller than `smallest` of the longer side. */
async function findFaces(detector, source, smallest = 0.05) {
  const { width, height } = source, least = Math.max(LEVEL.smallest, smallest * Math.max(width, height));
  const all = [];
  for (let scale = LEVEL.first / least; Math.max(width, height) * scale >= LEVEL.smallest; scale /= 2) {
    const w = Math.max(1, Math.round(width * scale)), h = Math.max(1, Math.round(height * scale));
    const level = padded(resized(source, w, h));
    const { score, side } = await inTurn(() => detector.run(
      { images: new ort.Tensor("uint8", level.grey, [1, level.height, level.width]) }));
    for (const p of peaks(score.data, side.data, score.dims[2], score.dims[1])) {
      const face = { x: (p.x + 0.5) * width / w - 0.5, y: (p.y + 0.5) * height / h - 0.5,
        side: p.side / scale, score: p.score };
      if (face.side >= 0.8 * least) all.push(face);
    }
  }
  const kept = []; // non-maximum suppression
  for (const face of all.sort((a, b) => b.score - a.score))
    if (kept.every((other) => overlap(face, other) <= OVERLAP)) kept.push(face);
  return kept.sort((a, b) => b.side - a.side);
}
