// The heatmaps and decoders of facekp/heatmaps.py, for one map {w, h, values}. Positions are heatmap pixels, (0, 0) is
// the centre of the first one. A test holds every function to the library's within 1e-4 px.

export const toHeatmap = (p, stride) => (p + 0.5) / stride - 0.5;
export const toImage = (p, stride) => (p + 0.5) * stride - 0.5;

/** One Gaussian of height 1 around (x, y), the outer product of two rows. */
export function gaussian(x, y, w, h, sigma) {
  const row = (centre, n) => Float64Array.from({ length: n }, (_, i) => Math.exp(-0.5 * ((i - centre) / sigma) ** 2));
  const gx = row(x, w), gy = row(y, h), values = new Float64Array(w * h);
  for (let j = 0; j < h; j++) for (let i = 0; i < w; i++) values[j * w + i] = gy[j] * gx[i];
  return { w, h, values };
}

const clamp = (v, low, high) => Math.min(Math.max(v, low), high);

/** The value at whole pixel (x, y); beyond the border the border's. */
const at = ({ w, h, values }, x, y) => values[clamp(y, 0, h - 1) * w + clamp(x, 0, w - 1)];

/** How many pixels there are between a whole pixel and the nearer border, per axis. */
const room = ({ w, h }, [x, y]) => [Math.min(x, w - 1 - x), Math.min(y, h - 1 - y)];

/** The brightest pixel. */
export function argmax({ w, values }) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return [best % w, Math.floor(best / w)];
}

/** The brightest pixel, a quarter of a pixel towards its brighter neighbour (Newell et al. 2016). */
export function quarterOffset(map) {
  const [x, y] = argmax(map), [rx, ry] = room(map, [x, y]);
  const dx = at(map, x + 1, y) - at(map, x - 1, y), dy = at(map, x, y + 1) - at(map, x, y - 1);
  return [x + (rx > 0 ? 0.25 * Math.sign(dx) : 0), y + (ry > 0 ? 0.25 * Math.sign(dy) : 0)];
}

/** The centre of mass of a window around the brightest pixel, less the window's smallest value. */
export function localMean(map, radius = 3) {
  const [x, y] = argmax(map), [rx, ry] = room(map, [x, y]);
  let low = Infinity, mass = 0, sx = 0, sy = 0;
  for (let j = -radius; j <= radius; j++)
    for (let i = -radius; i <= radius; i++) low = Math.min(low, at(map, x + i, y + j));
  const a = Math.min(radius, rx), b = Math.min(radius, ry);
  for (let j = -b; j <= b; j++) {
    for (let i = -a; i <= a; i++) {
      const v = at(map, x + i, y + j) - low;
      mass += v;
      sx += v * i;
      sy += v * j;
    }
  }
  mass = Math.max(mass, 1e-12);
  return [x + sx / mass, y + sy / mass];
}

/** One Newton step on the log of the map (DARK, Zhang et al. 2020), after a Gaussian blur where there is room for it. */
export function dark(map, blur = 0) {
  const peak = argmax(map);
  if (blur === 0 || Math.min(...room(map, peak)) < 2 * blur + 1) return topOfLog(map);
  return topOfLog(blurred(map, blur));
}

function topOfLog(map) {
  const [px, py] = argmax(map);
  const x = clamp(px, 1, map.w - 2), y = clamp(py, 1, map.h - 2);
  const v = (i, j) => Math.log(Math.max(at(map, x + i, y + j), 1e-10));
  const gx = 0.5 * (v(1, 0) - v(-1, 0)), gy = 0.5 * (v(0, 1) - v(0, -1));
  const hxx = v(1, 0) - 2 * v(0, 0) + v(-1, 0), hyy = v(0, 1) - 2 * v(0, 0) + v(0, -1);
  const hxy = 0.25 * (v(1, 1) - v(-1, 1) - v(1, -1) + v(-1, -1));
  const det = hxx * hyy - hxy * hxy;
  if (!(det > 1e-12 && hxx < 0)) return [px, py];
  const top = [x - (hyy * gx - hxy * gy) / det, y - (hxx * gy - hxy * gx) / det];
  return [px + clamp(top[0] - px, -1, 1), py + clamp(top[1] - py, -1, 1)];
}

/** Gaussian blur, border values continued. Python rounds half to even: 3 * sigma meets that only at 0.5, 1.5 ... */
export function blurred(map, sigma, radius = Math.max(1, roundHalfEven(3 * sigma))) {
  const g = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-0.5 * ((i - radius) / sigma) ** 2));
  const total = g.reduce((a, b) => a + b);
  const pass = (from, dx, dy) => {
    const values = new Float64Array(from.values.length);
    for (let y = 0, n = 0; y < from.h; y++)
      for (let x = 0; x < from.w; x++, n++)
        for (let k = -radius; k <= radius; k++) values[n] += g[k + radius] / total * at(from, x + k * dx, y + k * dy);
    return { ...from, values };
  };
  return pass(pass(map, 1, 0), 0, 1);
}

function roundHalfEven(v) {
  const low = Math.floor(v);
  return v - low === 0.5 ? low + (low % 2) : Math.round(v);
}

/** The mean position under softmax(map / temperature). */
export function softArgmax(map, temperature = 1) {
  const top = map.values.reduce((a, b) => Math.max(a, b));
  return meanPosition({ ...map, values: map.values.map((v) => Math.exp((v - top) / temperature)) });
}

/** The centre of mass of the whole map, negative values taken as 0. */
export const centroid = (map) => meanPosition({ ...map, values: map.values.map((v) => Math.max(v, 0)) });

function meanPosition({ w, h, values }) {
  let mass = 0, sx = 0, sy = 0;
  for (let y = 0, n = 0; y < h; y++)
    for (let x = 0; x < w; x++, n++) { mass += values[n]; sx += values[n] * x; sy += values[n] * y; }
  mass = Math.max(mass, 1e-12);
  return [sx / mass, sy / mass];
}

/** Every decoder of the library by its name there, with the options that a heatmap head of width `sigma` gives it. */
export const DECODERS = {
  argmax, quarter_offset: quarterOffset,
  local_mean: (map, sigma) => localMean(map, Math.max(1, roundHalfEven(2 * sigma))),
  dark: (map, sigma) => dark(map, sigma),
  soft_argmax: (map) => softArgmax(map, 0.05),
  centroid,
};
