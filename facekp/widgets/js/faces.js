// Faces and their points on a canvas.

import { MARKS, PREDICTED, SERIES, TRUTH, mark } from "./ui.js";
import { bytes, painted } from "./pixels.js";

/** The faces {images: base64 of N x h x w bytes, size: [h, w]} as N images {w, h, values in [0, 1]}. */
export function unpackedFaces({ images, size: [h, w] }) {
  const all = bytes(images);
  return Array.from({ length: all.length / (w * h) }, (_, i) =>
    ({ w, h, values: Float64Array.from(all.subarray(i * w * h, (i + 1) * w * h), (v) => v / 255) }));
}

const bitmaps = new WeakMap(); // of the faces that were drawn before

/** The image over all of a canvas. */
export function drawFace(context, face) {
  if (!bitmaps.has(face))
    bitmaps.set(face, painted(face.w, face.h, (i) => { const v = 255 * face.values[i]; return [v, v, v]; }));
  context.imageSmoothingEnabled = true;
  context.drawImage(bitmaps.get(face), 0, 0, context.canvas.width, context.canvas.height);
}

/** Where pixel position (x, y) of an image of width w is on the canvas. */
const placed = (context, w, x, y) => [(x + 0.5) * context.canvas.width / w, (y + 0.5) * context.canvas.width / w];

/** The points [x0, y0, ...] (null: none), each in the colour and shape of the subject's side: left, right, middle. */
export function drawSides(context, w, points, sides, size = 1) {
  for (let k = 0; k < points.length / 2; k++) {
    const [x, y] = [points[2 * k], points[2 * k + 1]];
    if (x === null || Number.isNaN(x)) continue;
    const side = ["left", "right", "middle"].indexOf(sides[k]);
    mark(context, MARKS[[0, 5, 2][side]], ...placed(context, w, x, y), size, SERIES[side]);
  }
}

/** Green rings for the truth, orange crosses for the prediction, and a line from one to the other: the error. */
export function drawErrors(context, w, truth, found, size = 1) {
  for (let k = 0; k < (truth ?? found).length / 2; k++) {
    const at = (points) => points && Number.isFinite(points[2 * k]) && points[2 * k] !== null
      && placed(context, w, points[2 * k], points[2 * k + 1]);
    const there = at(truth), here = at(found);
    if (there && here) line(context, [there, here], 2 * size, "#ffffff");
    if (there) {
      for (const [width, colour] of [[4, "#000000a0"], [2, TRUTH]]) {
        Object.assign(context, { lineWidth: width * size, strokeStyle: colour });
        context.beginPath();
        context.arc(...there, 6 * size, 0, 7);
        context.stroke();
      }
    }
    if (here) mark(context, MARKS[5], ...here, size, PREDICTED);
  }
}

function line(context, [[a, b], [c, d]], width, colour) {
  Object.assign(context, { lineWidth: width, strokeStyle: colour });
  context.beginPath();
  context.moveTo(a, b);
  context.lineTo(c, d);
  context.stroke();
}

/** Root mean square of the coordinates' errors, the book's error of a face; NaN where no point is annotated. */
export function rmse(found, truth) {
  let sum = 0, n = 0;
  for (let i = 0; i < truth.length; i++)
    if (truth[i] !== null && found[i] !== null && !Number.isNaN(truth[i] + found[i])) { sum += (found[i] - truth[i]) ** 2; n++; }
  return Math.sqrt(sum / n);
}
