"use strict";
// From an image to what the network sees: 96 x 96 grey bytes. (0, 0) is the centre of the first pixel, here as there.

const SIZE = 96;
const LARGEST = 1024; // pixels; larger photos are made smaller once, when they are opened

/** A source: grey (width * height) bytes for the network, an image to show, and the true points of a synthetic face. */
function makeSource(kind, width, height, grey, image, truth = null) {
  return { kind, width, height, grey, image, truth };
}

/** The grey bytes of RGBA pixels, weighted and rounded as Pillow does it. */
function toGrey(rgba) {
  const grey = new Uint8ClampedArray(rgba.length / 4);
  for (let i = 0, j = 0; i < grey.length; i++, j += 4)
    grey[i] = (rgba[j] * 19595 + rgba[j + 1] * 38470 + rgba[j + 2] * 7471 + 0x8000) >> 16;
  return grey;
}

/** A source made of anything that a canvas can draw: a photo, a frame of the camera. */
function fromImage(kind, image, width, height) {
  const scale = Math.min(1, LARGEST / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white"; // under what is transparent
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const rgba = context.getImageData(0, 0, canvas.width, canvas.height).data;
  return makeSource(kind, canvas.width, canvas.height, toGrey(rgba), canvas);
}

/** The grey value between pixels (bilinear); the border goes on for ever. */
function valueAt({ width, height, grey }, x, y) {
  x = Math.min(Math.max(x, 0), width - 1);
  y = Math.min(Math.max(y, 0), height - 1);
  const left = Math.floor(x), right = Math.min(left + 1, width - 1);
  const top = Math.floor(y), below = Math.min(top + 1, height - 1);
  const a = x - left, b = y - top;
  return (1 - b) * ((1 - a) * grey[top * width + left] + a * grey[top * width + right])
    + b * ((1 - a) * grey[below * width + left] + a * grey[below * width + right]);
}

/**
 * The SIZE x SIZE bytes inside the frame. A pixel that covers several of the image is the mean of positions in it.
 * `cover` {x, y, radius} in the image is painted over: an eye patch.
 */
function crop(source, frame, cover = null) {
  const seen = new Uint8Array(SIZE * SIZE);
  const n = Math.min(Math.max(Math.ceil(frame.side / SIZE - 1e-6), 1), 8); // positions per pixel and axis
  // A step to the right in the frame is the same step (ax, ay) in the image everywhere; one downwards is (bx, by).
  const [ox, oy] = toImage(frame, 0, 0), [rx, ry] = toImage(frame, 1, 0), [dx, dy] = toImage(frame, 0, 1);
  const ax = rx - ox, ay = ry - oy, bx = dx - ox, by = dy - oy;
  for (let row = 0; row < SIZE; row++) {
    for (let column = 0; column < SIZE; column++) {
      let sum = 0;
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          const right = column + (j + 0.5) / n - 0.5, down = row + (i + 0.5) / n - 0.5;
          const x = ox + ax * right + bx * down, y = oy + ay * right + by * down;
          const covered = cover && Math.hypot(x - cover.x, y - cover.y) < cover.radius;
          sum += covered ? 25 : valueAt(source, x, y);
        }
      }
      seen[row * SIZE + column] = Math.round(sum / (n * n));
    }
  }
  return seen;
}

/** A Gaussian blur of the SIZE x SIZE bytes, first along the rows, then along the columns; the border goes on. */
function blurred(seen, sigma) {
  if (sigma <= 0) return seen;
  const radius = Math.ceil(3 * sigma);
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-0.5 * ((i - radius) / sigma) ** 2));
  const total = weights.reduce((a, b) => a + b);
  const inside = (i) => Math.min(Math.max(i, 0), SIZE - 1);
  const pass = (values, at) => Float32Array.from(values, (_, i) =>
    weights.reduce((sum, w, k) => sum + w * values[at(i % SIZE, Math.floor(i / SIZE), k - radius)], 0) / total);
  const rows = pass(Float32Array.from(seen), (x, y, step) => y * SIZE + inside(x + step));
  return Uint8Array.from(pass(rows, (x, y, step) => inside(y + step) * SIZE + x), Math.round);
}
