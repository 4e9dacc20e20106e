// Labeller: place and drag the keypoints of one image after another. Positions are pixels of the file; (0, 0) is the
// centre of its first pixel.

import { MARKS, PREDICTED, TRUTH, announcer, button, draggable, make, mark, onFrame } from "./ui.js";

const REACH = 24; // pixels of the page around a point within which a touch takes hold of it
const VIEW = 640; // own pixels of the canvas's longer side, at zoom 1

/** The table of the faces that are done, as keypoints.csv. */
export function csv(names, faces) {
  const cell = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const rows = faces.filter((f) => f.done).map((f) => [cell(f.file), ...f.points.flatMap((p) => (p ? p.map((v) => v.toFixed(2)) : ["", ""]))]);
  return [["file", ...names.flatMap((n) => [cell(`${n}_x`), cell(`${n}_y`)])], ...rows].map((row) => row.join(",")).join("\n") + "\n";
}

/** The rectangle [left, top, width, height] of a file, in pixels from its edge, that is seen at `zoom` around a position. */
export function seen({ width, height }, zoom, [x, y]) {
  const w = width / zoom, h = height / zoom, clamp = (v, most) => Math.min(Math.max(v, 0), most);
  return [clamp(x + 0.5 - w / 2, width - w), clamp(y + 0.5 - h / 2, height - h), w, h];
}

/** The nearest placed point within `reach` (pixels of the file) of a position, or -1. */
export function nearest(points, [x, y], reach) {
  let best = -1;
  points.forEach((p, k) => {
    if (p && Math.hypot(p[0] - x, p[1] - y) <= reach) { best = k; reach = Math.hypot(p[0] - x, p[1] - y); }
  });
  return best;
}

/** The first point without a position after `from`, in a circle; `from` itself if all have one. */
export function nextMissing(points, from) {
  for (let i = 1; i <= points.length; i++) if (!points[(from + i) % points.length]) return (from + i) % points.length;
  return from;
}

function render({ model, el }) {
  el.classList.add("fk");
  const { names, faces: given } = model.get("data"), said = announcer();
  const faces = given.map((f) => ({ ...f, points: f.points.map((p) => (p ? [...p] : null)), done: false }));
  const images = faces.map((f) => Object.assign(new Image(), { src: f.image }));
  const canvas = make("canvas", { className: "fk-image" }), title = make("p", { className: "fk-label-title" });
  const list = make("div", { className: "fk-row fk-points", role: "group", ariaLabel: "Points" });
  let at = 0, active = 0, zoom = 1, view = null, holding = false, past = [], problem = "";

  const face = () => faces[at];
  const remember = () => { past.push({ at, active, points: face().points.map((p) => p && [...p]) }); past = past.slice(-200); };
  const placeOf = (u, v) => { const [l, t, w, h] = view; return [l + u * w - 0.5, t + v * h - 0.5]; };
  const inside = ([x, y]) => [Math.min(Math.max(x, -0.5), face().width - 0.5), Math.min(Math.max(y, -0.5), face().height - 0.5)];
  const put = (k, place) => { face().points[k] = inside(place).map((v) => Math.round(v * 100) / 100); };

  function show() {
    if (at >= faces.length) return finish();
    working(true);
    const f = face(), centre = f.points[active] ?? [f.width / 2, f.height / 2];
    if (!holding || !view) view = seen(f, zoom, centre);
    const scale = VIEW / Math.max(f.width, f.height), image = images[at], ratio = image.naturalWidth / f.width || 1;
    Object.assign(canvas, { width: Math.round(f.width * scale), height: Math.round(f.height * scale) });
    const context = canvas.getContext("2d"), [l, t, w, h] = view, sx = canvas.width / w, sy = canvas.height / h;
    context.imageSmoothingEnabled = sx / ratio < 4;
    if (image.complete && image.naturalWidth) context.drawImage(image, l * ratio, t * ratio, w * ratio, h * ratio, 0, 0, canvas.width, canvas.height);
    f.points.forEach((p, k) => {
      if (!p) return;
      const x = (p[0] + 0.5 - l) * sx, y = (p[1] + 0.5 - t) * sy, on = k === active;
      mark(context, on ? MARKS[4] : MARKS[2], x, y, on ? 1.5 : 0.8, on ? PREDICTED : TRUTH);
    });
    const placed = f.points.filter(Boolean).length;
    title.textContent = problem || `${at + 1} of ${faces.length}: ${f.file}, ${placed} of ${names.length} points${f.done ? ", saved" : ""}`;
    canvas.ariaLabel = `${f.file}. Active point: ${names[active]}. Touch to place or drag; arrow keys move it.`;
    [...list.children].forEach((b, k) => { b.ariaPressed = String(k === active); b.classList.toggle("fk-missing", !f.points[k]); });
  }
  const changed = onFrame(show);
  images.forEach((image) => { image.onload = changed; });

  function choose(k) { active = (k + names.length) % names.length; said.say(names[active]); changed(); }
  function go(to) {
    at = to;
    active = face() ? Math.max(0, nextMissing(face().points, -1)) : 0;
    view = null;
    changed();
  }
  function save() {
    if (!face()) return;
    face().done = true;
    model.send?.({ file: face().file, points: face().points });
    if (!model.send) said.say(`${face().file}: kept in this page.`);
    go(at + 1);
  }
  function undo() {
    const last = past.pop();
    if (!last) return said.say("Nothing to undo.");
    at = last.at;
    active = last.active;
    face().points = last.points;
    view = null;
    said.say(`Undone: ${names[active]}.`);
    changed();
  }
  function hide() { remember(); face().points[active] = null; said.say(`${names[active]}: no position.`); active = nextMissing(face().points, active); changed(); }
  function enlarge(by) { zoom = Math.min(Math.max(zoom * by, 1), 8); view = null; changed(); }
  function working(on) {
    canvas.hidden = list.hidden = !on;
    for (const b of [skip, next, none, ...zooms]) b.disabled = !on;
  }
  function finish() {
    title.textContent = problem || `All ${faces.length} images seen, ${faces.filter((f) => f.done).length} of them saved.`;
    working(false);
    said.say(title.textContent);
  }

  draggable(canvas, (u, v, phase) => {
    if (!face()) return;
    const place = placeOf(u, v), reach = REACH * view[2] / (canvas.clientWidth || VIEW);
    if (phase === "down") {
      holding = true;
      remember();
      const k = nearest(face().points, place, reach);
      if (k >= 0) active = k; else put(active, place);
      return changed();
    }
    if (phase === "move") { put(active, place); return changed(); }
    holding = false;
    const done = names[active];
    if (face().points.some((p) => !p)) active = nextMissing(face().points, active);
    said.say(`${done} placed. Next: ${names[active]}.`);
    changed();
  }, (dx, dy) => {
    if (!face()) return;
    remember();
    const [x, y] = face().points[active] ?? [face().width / 2, face().height / 2], step = 0.5 / zoom;
    put(active, [x + dx * step, y + dy * step]);
    changed();
  });
  const arrows = canvas.onkeydown;
  canvas.onkeydown = (event) => {
    const keys = { n: () => choose(active + 1), p: () => choose(active - 1), Delete: hide, Backspace: hide, u: undo, s: () => go(at + 1),
      Enter: save, "+": () => enlarge(2), "-": () => enlarge(0.5) };
    const act = event.ctrlKey || event.metaKey ? (event.key === "z" ? undo : undefined) : keys[event.key];
    if (!act || !face()) return arrows(event);
    event.preventDefault();
    event.stopPropagation();
    act();
  };

  names.forEach((name, k) => list.append(button(name.replaceAll("_", " "), () => choose(k), false)));
  const next = button("Save, next", save), skip = button("Skip", () => { if (face()) go(at + 1); });
  const none = button("No position", hide), back = button("Back", () => { if (at > 0) go(at - 1); });
  const zooms = [button("Zoom in", () => enlarge(2)), button("Zoom out", () => enlarge(0.5))];
  const download = make("a", { className: "fk-download", download: "keypoints.csv", href: "#", hidden: Boolean(model.send) }, "Download keypoints.csv");
  download.onclick = () => { download.href = `data:text/csv;charset=utf-8,${encodeURIComponent(csv(names, faces))}`; };
  model.on?.("msg:custom", (message) => {
    problem = message.error ?? "";
    said.say(problem || `${message.saved}: saved.`);
    changed();
  });
  el.append(title, canvas, make("div", { className: "fk-row" }, next, skip, back, button("Undo", undo), none, ...zooms), list,
    make("p", { className: "fk-hint" }, "Touch to place the active point, drag any point. Keys: arrows move, n and p choose, Enter saves, s skips, u undoes, Delete removes, + and - zoom."),
    download, said.element);
  go(0);
}

export default { render };
