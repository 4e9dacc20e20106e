"use strict";
// Sliders, buttons, fingers and keys: each changes the frame, and then the network looks again.

const pressed = (id) => at(id).getAttribute("aria-pressed") === "true";
const press = (id, on) => at(id).setAttribute("aria-pressed", String(on));

/** How many times larger than at first the image is shown, as a power of two. */
const enlarged = () => Math.log2(state.first.side / state.frame.side);

function controlsFromFrame() {
  const degrees = state.frame.turn * 180 / Math.PI;
  at("turn").value = Math.round(((degrees + 540) % 360) - 180);
  at("size").value = enlarged();
  press("mirror", state.frame.mirror);
  press("cover", state.cover !== null);
  outputs();
}

function outputs() {
  document.querySelector("output[for=turn]").textContent = `${at("turn").value}°`;
  document.querySelector("output[for=size]").textContent = `${(100 * 2 ** enlarged()).toFixed(0)} %`;
  document.querySelector("output[for=blur]").textContent = `${(+at("blur").value).toFixed(1)} px`;
}

/** Change the frame, show the guide for a moment where there is no truth to go by. */
function moveFrame(change) {
  Object.assign(state.frame, change);
  state.frame.side = Math.min(Math.max(state.frame.side, 8), 4 * Math.max(state.source.width, state.source.height));
  if (!state.source.truth) {
    clearTimeout(state.guide);
    state.guide = setTimeout(() => { state.guide = 0; changed(); }, 1500);
  }
  controlsFromFrame();
  changed();
}

/** Shift the image by (dx, dy) frame pixels. */
function shift(dx, dy) {
  const [x, y] = toImage(state.frame, MIDDLE - dx, MIDDLE - dy);
  moveFrame({ x, y });
}

/** An eye patch on the right eye, where the network sees it now. */
function eyePatch() {
  const place = (k) => toImage(state.frame, answer.points[2 * k], answer.points[2 * k + 1]);
  const [[x, y], [a, b]] = CARD.eyes.map(place);
  return { x, y, radius: 0.36 * Math.hypot(x - a, y - b) };
}

function toggleCover() {
  state.cover = state.cover ? null : eyePatch();
  controlsFromFrame();
  changed();
}

function onKey(event) {
  const step = event.shiftKey ? 5 : 1, { side, turn } = state.frame;
  const actions = {
    ArrowLeft: () => shift(-step, 0), ArrowRight: () => shift(step, 0),
    ArrowUp: () => shift(0, -step), ArrowDown: () => shift(0, step),
    "+": () => moveFrame({ side: side / 1.05 }), "-": () => moveFrame({ side: side * 1.05 }),
    "=": () => moveFrame({ side: side / 1.05 }), // the key of +, without Shift
    "[": () => moveFrame({ turn: turn - Math.PI / 36 }), "]": () => moveFrame({ turn: turn + Math.PI / 36 }),
  };
  if (!actions[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  actions[event.key]();
}

/** One finger or the mouse moves the image; two fingers turn it and change its size too. */
function onPointers(view) {
  const down = new Map();
  const inFrame = (event) => {
    const box = view.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * SIZE, (event.clientY - box.top) / box.height * SIZE];
  };
  const span = () => {
    const [[a, b], [c, d]] = [...down.values()];
    return { x: (a + c) / 2, y: (b + d) / 2, length: Math.hypot(c - a, d - b), angle: Math.atan2(d - b, c - a) };
  };
  view.onpointerdown = (event) => {
    view.setPointerCapture(event.pointerId);
    down.set(event.pointerId, inFrame(event));
  };
  view.onpointermove = (event) => {
    if (!down.has(event.pointerId)) return;
    const two = down.size === 2, before = two ? span() : down.get(event.pointerId), now = inFrame(event);
    down.set(event.pointerId, now);
    if (!two) return shift(now[0] - before[0], now[1] - before[1]);
    const after = span();
    const { side, turn } = state.frame;
    moveFrame({ side: side * before.length / Math.max(after.length, 1), turn: turn + after.angle - before.angle });
    shift(after.x - before.x, after.y - before.y);
  };
  view.onpointerup = view.onpointercancel = (event) => down.delete(event.pointerId);
}
