"use strict";
// The frame: which square of the image the network sees. {x, y}: the position in the image at the frame's middle;
// side: its side in the image's pixels; turn: how far the image is turned in it, clockwise, in radians; mirror.

const MIDDLE = (SIZE - 1) / 2; // of 96 pixels, from the centre of the first

/** The largest square in the middle of an image. */
function middleFrame({ width, height }, mirror = false) {
  return { x: (width - 1) / 2, y: (height - 1) / 2,
    side: Math.min(width, height), turn: 0, mirror };
}

/** Frame pixels in, the same position in image pixels out. */
function toImage(frame, x, y) {
  const scale = frame.side / SIZE;
  const c = Math.cos(frame.turn), s = Math.sin(frame.turn);
  const u = (x - MIDDLE) * scale, v = (y - MIDDLE) * scale;
  const across = frame.mirror ? -(c * u + s * v) : c * u + s * v;
  return [frame.x + across, frame.y - s * u + c * v];
}

/** The position in the frame of (x, y) in the image. The inverse of toImage. */
function toFrame(frame, x, y) {
  const scale = frame.side / SIZE;
  const c = Math.cos(frame.turn), s = Math.sin(frame.turn);
  const u = (frame.mirror ? -1 : 1) * (x - frame.x), v = y - frame.y;
  return [MIDDLE + (c * u - s * v) / scale, MIDDLE + (s * u + c * v) / scale];
}

/**
 * The frame in which points of the image (x0, y0, x1, ...) lie as much like the mean face as a turn, a scale and a
 * shift can make it: least squares, each point weighted by how sure the network is of it.
 */
function fitted(points, mean, weights, mirror) {
  const k = weights.length, total = weights.reduce((a, b) => a + b) || 1, m = [0, 0], q = [0, 0];
  const flip = mirror ? -1 : 1; // work on the mirrored image, and turn the result back
  for (let i = 0; i < k; i++) {
    m[0] += weights[i] * mean[2 * i] / total;
    m[1] += weights[i] * mean[2 * i + 1] / total;
    q[0] += weights[i] * flip * points[2 * i] / total;
    q[1] += weights[i] * points[2 * i + 1] / total;
  }
  let along = 0, across = 0, spread = 0; // the factor from mean face to points, as a complex number
  for (let i = 0; i < k; i++) {
    const a = mean[2 * i] - m[0], b = mean[2 * i + 1] - m[1];
    const c = flip * points[2 * i] - q[0], d = points[2 * i + 1] - q[1];
    along += weights[i] * (a * c + b * d);
    across += weights[i] * (a * d - b * c);
    spread += weights[i] * (a * a + b * b);
  }
  along /= spread;
  across /= spread;
  const u = MIDDLE - m[0], v = MIDDLE - m[1];
  return { x: flip * (q[0] + along * u - across * v), y: q[1] + across * u + along * v,
    side: SIZE * Math.hypot(along, across), turn: -Math.atan2(across, along), mirror };
}
