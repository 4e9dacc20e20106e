// Controls and drawing that all widgets share. Every colour of a control is mixed from the text colour of the page, so
// that light and dark themes of the book, Jupyter, Colab and VS Code need no code of their own.

// Okabe and Ito's colours, as in facekp/plots.py; a test compares them.
export const TRUTH = "#009E73", PREDICTED = "#D55E00";
export const SERIES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
// One shape for each colour, as SVG paths around (0, 0): colour alone must tell nothing.
export const MARKS = ["M-5-5H5V5H-5Z", "M0-6L6 5H-6Z", "M5 0A5 5 0 1 1-5 0A5 5 0 1 1 5 0Z", "M0-7L7 0 0 7-7 0Z",
  "M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z", "M-5-3L-3-5 0-2 3-5 5-3 2 0 5 3 3 5 0 2-3 5-5 3-2 0Z"];

/** An element: its properties (`on...`, `className`, ARIA in camel case), and what is in it. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

let made = 0;

/** A slider with its name and its value in words; `change(value)` is called while it moves. */
export function slider(name, { min, max, step, value, unit = "" }, change) {
  const digits = (String(step).split(".")[1] ?? "").length, id = `fk-${made++}`;
  const text = make("output", { htmlFor: id });
  const input = make("input", { type: "range", id, min, max, step, value });
  const show = () => {
    text.textContent = `${(+input.value).toFixed(digits)}${unit && ` ${unit}`}`;
    input.ariaValueText = text.textContent;
  };
  input.oninput = () => { show(); change(+input.value); };
  show();
  const element = make("div", { className: "fk-slider" }, make("label", { htmlFor: id }, name), input, text);
  return { element, get value() { return +input.value; }, set value(v) { input.value = v; show(); } };
}

/** A menu of pairs [value, text] with its name; `change(value)` gets the value's text form. */
export function menu(name, options, value, change) {
  const id = `fk-${made++}`, select = make("select", { id, onchange: () => change(select.value) });
  for (const [v, text] of options) select.append(make("option", { value: v, selected: String(v) === String(value) }, text));
  const element = make("div", { className: "fk-menu" }, make("label", { htmlFor: id }, name), select);
  return { element, get value() { return select.value; }, set value(v) { select.value = v; } };
}

/** A button; with `pressed` (true or false) it is a switch, and `click(pressed)` gets its new state. */
export function button(name, click, pressed) {
  const element = make("button", { type: "button" }, name);
  if (pressed !== undefined) element.ariaPressed = String(pressed);
  element.onclick = () => {
    if (pressed !== undefined) element.ariaPressed = String(element.ariaPressed !== "true");
    click(element.ariaPressed === "true");
  };
  return element;
}

/** A line that screen readers read out once things have come to rest: {element, say(text)}. */
export function announcer() {
  const element = make("p", { className: "fk-said", role: "status" });
  let timer;
  return { element, say(text) { clearTimeout(timer); timer = setTimeout(() => { element.textContent = text; }, 700); } };
}

/** A square canvas of `size` x `size` own pixels, named for those who cannot see it. */
export function canvas(size, name) {
  return make("canvas", { width: size, height: size, role: "img", ariaLabel: name });
}

/**
 * Let a canvas be dragged and moved with the arrow keys. `drag(x, y, phase)` gets the position as fractions of its sides,
 * phase being "down", "move" or "up"; `key(dx, dy)` a step of 1, or of 10 with Shift.
 */
export function draggable(element, drag, key) {
  let held = null;
  const tell = (event, phase) => {
    const box = element.getBoundingClientRect();
    drag((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, phase);
  };
  element.classList.add("fk-drag");
  element.onpointerdown = (event) => {
    held = event.pointerId;
    element.setPointerCapture?.(held);
    tell(event, "down");
  };
  element.onpointermove = (event) => { if (event.pointerId === held) tell(event, "move"); };
  element.onpointerup = element.onpointercancel = (event) => {
    if (event.pointerId === held) { held = null; tell(event, "up"); }
  };
  if (!key) return;
  Object.assign(element, { tabIndex: 0, role: "application" });
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  element.onkeydown = (event) => {
    const step = steps[event.key], far = event.shiftKey ? 10 : 1;
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation(); // a notebook would move to the next cell
    key(step[0] * far, step[1] * far);
  };
}

/** Call `draw` before the next frame, once, however often it is asked for. */
export function onFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; draw(); });
  };
}

/** Draw one mark at a position of a canvas, on a light edge that keeps it visible on anything. */
export function mark(context, path, x, y, scale, colour) {
  context.save();
  context.translate(x, y);
  context.scale(scale, scale);
  const shape = new Path2D(path);
  Object.assign(context, { lineWidth: 2.5, strokeStyle: "#ffffff", fillStyle: colour });
  context.stroke(shape);
  context.fill(shape);
  context.restore();
}

/** The same mark for a line of text. */
export function swatch(path, colour) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "-8 -8 16 16");
  svg.setAttribute("class", "fk-swatch");
  svg.ariaHidden = "true";
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  shape.setAttribute("d", path);
  shape.setAttribute("fill", colour);
  svg.append(shape);
  return svg;
}

/** A table whose body is written anew with `fill(rows)`, each a list of texts or elements. */
export function table(caption, head) {
  const body = make("tbody");
  const element = make("table", { className: "fk-table" }, make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))), body);
  const fill = (rows) => body.replaceChildren(...rows.map(([first, ...rest]) =>
    make("tr", {}, make("th", { scope: "row" }, ...[first].flat()), ...rest.map((cell) => make("td", {}, cell)))));
  return { element, fill };
}
