// Pixels: bytes that arrive as base64, and images and maps that a canvas can draw.

/** The bytes of a base64 text. */
export const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

// The colour map "inferno", eleven of its colours; those between are mixed.
const INFERNO = ["000004", "160b39", "420a68", "6a176e", "932667", "bc3754", "dd513a", "f37819", "fca50a", "f6d746", "fcffa4"]
  .map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));

/** The colour [r, g, b] of a value 0..1. */
export function inferno(value) {
  const v = Math.min(Math.max(value, 0), 1) * 10, low = Math.min(Math.floor(v), 9);
  return INFERNO[low].map((c, i) => c + (v - low) * (INFERNO[low + 1][i] - c));
}

/** A canvas of w x h pixels; `colour(i)` gives [r, g, b] or [r, g, b, a] of pixel i, 0..255. */
export function painted(w, h, colour) {
  const canvas = Object.assign(document.createElement("canvas"), { width: w, height: h });
  const image = new ImageData(w, h), { data } = image;
  for (let i = 0, j = 0; i < w * h; i++, j += 4) {
    const c = colour(i);
    data[j] = c[0];
    data[j + 1] = c[1];
    data[j + 2] = c[2];
    data[j + 3] = c[3] ?? 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
