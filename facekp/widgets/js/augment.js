// One augmented sample of a face: the affine matrix and the grey values of facekp/augment.py, for one image of values in [0, 1],
// {w, h, values}. Positions are pixels, (0, 0) is the centre of the first one. A matrix is [a, b, ox, c, d, oy].

import { blurred } from "./heatmaps.js";

/** Rotate by `rotation` degrees, scale and flip about the image's centre, then shift by pixels. */
export function aboutCentre(w, h, { rotation = 0, scale = 1, flipped = false, right = 0, down = 0 }) {
  const cx = (w - 1) / 2, cy = (h - 1) / 2, angle = rotation * Math.PI / 180, sx = flipped ? -scale : scale;
  const a = Math.cos(angle) * sx, b = -Math.sin(angle) * scale, c = Math.sin(angle) * sx, d = Math.cos(angle) * scale;
  return [a, b, cx + right - a * cx - b * cy, c, d, cy + down - c * cx - d * cy];
}

/** Points [x0, y0, x1, ...] moved by a matrix. */
export function warpPoints(points, [a, b, ox, c, d, oy]) {
  const out = [];
  for (let i = 0; i < points.length; i += 2)
    out.push(a * points[i] + b * points[i + 1] + ox, c * points[i] + d * points[i + 1] + oy);
  return out;
}

/** The image moved by a matrix: each new pixel looks up its position in the old one, whose border goes on for ever. */
export function warpImage({ w, h, values }, [a, b, ox, c, d, oy]) {
  const det = a * d - b * c, out = new Float64Array(w * h);
  const ix = (b * oy - d * ox) / det, iy = (c * ox - a * oy) / det;
  for (let y = 0, n = 0; y < h; y++) {
    for (let x = 0; x < w; x++, n++) {
      const u = Math.min(Math.max((d * x - b * y) / det + ix, 0), w - 1), v = Math.min(Math.max((a * y - c * x) / det + iy, 0), h - 1);
      const left = Math.floor(u), top = Math.floor(v), p = u - left, q = v - top;
      const right = Math.min(left + 1, w - 1), below = Math.min(top + 1, h - 1);
      out[n] = (1 - q) * ((1 - p) * values[top * w + left] + p * values[top * w + right])
        + q * ((1 - p) * values[below * w + left] + p * values[below * w + right]);
    }
  }
  return { w, h, values: out };
}

/** Contrast about the image's mean, brightness, a Gaussian blur, noise (one number for each pixel); cut to [0, 1]. */
export function photometric(image, { brightness = 0, contrast = 1, blur = 0, noise = 0 }, normal = []) {
  const mean = image.values.reduce((a, b) => a + b) / image.values.length;
  let out = { ...image, values: image.values.map((v) => (v - mean) * contrast + mean + brightness) };
  if (blur > 0) out = blurred(out, blur, Math.max(1, Math.ceil(3 * blur)));
  return { ...out, values: out.values.map((v, i) => Math.min(Math.max(v + (noise ? noise * normal[i] : 0), 0), 1)) };
}
