"use strict";
// What is drawn and written. Colours that must be distinguishable in either theme are bright, on a dark edge.

const FOUND = "#ff9f1c", TRUE = "#2ec4b6", CHOSEN = "#ffffff";

/** Draw the image as it lies in the frame, `size` canvas pixels wide. */
function drawSource(context, source, frame, cover) {
  const size = context.canvas.width, scale = size / frame.side;
  context.save();
  context.fillStyle = "#808080";
  context.fillRect(0, 0, size, size);
  context.imageSmoothingQuality = "high";
  context.translate(size / 2, size / 2);
  context.rotate(frame.turn);
  context.scale((frame.mirror ? -1 : 1) * scale, scale);
  context.translate(-frame.x - 0.5, -frame.y - 0.5); // a canvas counts from the pixel's corner
  context.drawImage(source.image, 0, 0);
  if (cover) {
    context.fillStyle = "#191919";
    context.beginPath();
    context.arc(cover.x + 0.5, cover.y + 0.5, cover.radius, 0, 7);
    context.fill();
  }
  context.restore();
}

/** SIZE x SIZE bytes as an image that a canvas can draw. */
function greyImage(bytes, width = SIZE) {
  const canvas = new OffscreenCanvas(width, bytes.length / width);
  const rgba = new ImageData(width, bytes.length / width);
  bytes.forEach((value, i) => rgba.data.set([value, value, value, 255], 4 * i));
  canvas.getContext("2d").putImageData(rgba, 0, 0);
  return canvas;
}

/** A ring (true) or a cross (found) for each point (x0, y0, x1, ...) in frame pixels; the chosen one is larger. */
function drawPoints(context, points, kind, chosen = -1) {
  const scale = context.canvas.width / SIZE;
  for (const [width, colour] of [[5, "rgba(0,0,0,.65)"], [2.5, kind === "true" ? TRUE : FOUND]]) {
    context.lineWidth = width;
    for (let i = 0; i < points.length / 2; i++) {
      const x = (points[2 * i] + 0.5) * scale, y = (points[2 * i + 1] + 0.5) * scale, r = i === chosen ? 12 : 7;
      context.strokeStyle = i === chosen && width < 5 ? CHOSEN : colour;
      context.beginPath();
      if (kind === "true") context.arc(x, y, 9, 0, 7);
      else for (const [a, b] of [[-r, -r], [-r, r]]) context.moveTo(x + a, y + b), context.lineTo(x - a, y - b);
      context.stroke();
    }
  }
}

/** The face as it should lie in the frame, as a thin shadow of its points: a guide for placing an image. */
function drawGuide(context) {
  const scale = context.canvas.width / SIZE;
  context.fillStyle = "rgba(255,255,255,.75)";
  context.strokeStyle = "rgba(0,0,0,.6)";
  for (let i = 0; i < CARD.mean_face.length; i += 2) {
    context.beginPath();
    context.arc((CARD.mean_face[i] + 0.5) * scale, (CARD.mean_face[i + 1] + 0.5) * scale, 4, 0, 7);
    context.fill();
    context.stroke();
  }
}

/** One map, dark blue (0) over red to yellow (1). */
function drawMap(context, maps, size, k) {
  const rgba = new ImageData(size, size);
  for (let i = 0; i < size * size; i++) {
    const v = Math.min(Math.max(maps[k * size * size + i], 0), 1);
    rgba.data.set([255 * Math.min(1, 2 * v), 255 * Math.max(0, 2 * v - 1), 90 * (1 - v) + 30 * v, 255], 4 * i);
  }
  context.putImageData(rgba, 0, 0);
}

/** Fill the list of points, one radio button each. */
function listPoints(fieldset, names, onchoose) {
  names.forEach((name, k) => {
    const [label, radio, text, meter, value] = ["label", "input", "span", "meter", "output"]
      .map((tag) => document.createElement(tag));
    Object.assign(radio, { type: "radio", name: "point", value: k, ariaLabel: name, onchange: () => onchoose(k) });
    text.textContent = name;
    Object.assign(meter, { max: 1, low: 0.3, high: 0.6, optimum: 1, ariaLabel: `confidence of ${name}` });
    label.append(radio, text, meter, value);
    fieldset.append(label);
  });
}

/** Root of the mean square, per coordinate, between points and truth: the error of the whole book. */
function rmse(points, truth) {
  return Math.sqrt(mean([...points].map((p, i) => (p - truth[i]) ** 2)));
}
