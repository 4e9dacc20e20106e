"use strict";
// Widgets on a page of the book: what anywidget does in a notebook, done here without a kernel. A light widget comes
// when its place is about to be seen, a heavy one on a click; the still image stays for print.

const widgetHost = (() => {
  const modules = {}, states = {}, scripts = {};

  /** Load a script once; resolves when it has run. */
  function script(url) {
    return scripts[url] ??= new Promise((resolve, reject) => {
      const element = document.createElement("script");
      Object.assign(element, { src: url, onload: resolve, onerror: () => reject(new Error(`${url} could not be loaded.`)) });
      document.head.append(element);
    });
  }

  async function mount(place) {
    const { module, name, folder } = place.dataset;
    await Promise.all([script(`${folder}${module}.js`), script(`${folder}${name}.js`)]);
    const el = document.createElement("div"), data = states[name];
    const model = { get: (key) => (key === "data" ? data : {}), set() {}, save_changes() {}, on() {}, off() {} };
    place.replaceChildren(el);
    await modules[module]({ model, el });
    place.parentElement.classList.add("widget-here");
    place.dataset.ready = "true";
  }

  function fail(place) {
    place.textContent = "The interactive version could not be loaded; this is a still image of it.";
  }

  function offer(place) {
    const button = document.createElement("button"), size = (place.dataset.sent / 1e6).toFixed(1);
    Object.assign(button, { type: "button", className: "widget-start", textContent: `Start it (${size} MB)` });
    button.onclick = () => {
      button.textContent = "Loading …";
      mount(place).then(() => place.querySelector("canvas, button, input, select")?.focus({ preventScroll: true }), () => fail(place));
    };
    place.append(button);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const near = new IntersectionObserver((entries) => entries.filter((e) => e.isIntersecting).forEach(({ target }) => {
      near.unobserve(target);
      mount(target).catch(() => fail(target));
    }), { rootMargin: "600px" });
    for (const place of document.querySelectorAll(".widget-place"))
      if (place.dataset.wait === "true") offer(place); else near.observe(place);
  });

  return { define: (name, render) => { modules[name] = render; }, data: (name, data) => { states[name] = data; } };
})();
