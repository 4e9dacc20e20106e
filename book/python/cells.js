"use strict";
// The cells of a page that Python can run here. PYTHON_HERE comes with the page: where the files are, what they weigh.

const pythonHere = (() => {
  let files = null, worker = null, waiting = null; // waiting: the cell that runs, {print, resolve, reject}

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  /** Every file, once; progress(part) hears of the fraction that has come. */
  async function load(progress) {
    const { folder, files: all } = PYTHON_HERE, total = all.reduce((sum, file) => sum + file.bytes, 0);
    await new Promise((resolve, reject) => document.head.append(make("script", { src: `${folder}parts.js`, onload: resolve, onerror: reject })));
    let come = 0;
    const bytes = await Promise.all(all.map((file) => loadFile({ ...file, path: folder + file.path }, (n) => progress((come += n) / total))));
    return Object.fromEntries(all.map(({ name }, i) => [name, bytes[i]]));
  }

  /** A worker in which Python has started. */
  async function start(progress) {
    files ??= await load(progress).catch((error) => { throw new Error(error.message ?? "A file of Python could not be loaded."); });
    const { "pyodide.asm.js": core, "pyodide.js": loader, "worker.js": own, "facekp.zip": library, ...rest } = files;
    const url = URL.createObjectURL(new Blob([core, "\n", loader, "\n", own], { type: "text/javascript" }));
    worker = new Worker(url);
    worker.onmessage = ({ data }) => {
      if (data.printed) return waiting?.print(data.printed);
      if (data.failed) waiting?.reject(new Error(data.failed));
      else waiting?.resolve(data.done ?? true);
    };
    worker.onerror = (event) => waiting?.reject(new Error(event.message));
    await ask({ files: rest, library, before: PYTHON_HERE.before }, () => {});
  }

  function ask(message, print) {
    return new Promise((resolve, reject) => {
      waiting = { print, resolve, reject };
      worker.postMessage(message);
    }).finally(() => { waiting = null; });
  }

  function stop() {
    worker?.terminate();
    worker = null;
    waiting?.reject(new Error("Stopped. Names of earlier cells are gone; run those cells again."));
  }

  /** Turn one cell into an editor with its output. */
  function open(place) {
    const cell = place.parentElement, code = cell.querySelector("pre").textContent.trimEnd();
    const rows = Math.max(4, code.split("\n").length + 3), name = place.dataset.name;
    const editor = make("textarea", { value: code, rows, spellcheck: false, ariaLabel: `Python code: ${name}`, autocapitalize: "off" });
    const output = make("pre", { role: "status", ariaLabel: `Output: ${name}` });
    const button = make("button", { type: "button" }, "Run"), reset = make("button", { type: "button" }, "Reset");
    reset.onclick = () => { editor.value = code; output.textContent = ""; };
    button.onclick = () => (waiting ? stop() : run(editor.value, output, button));
    editor.onkeydown = (event) => {
      if (event.key === "Enter" && (event.shiftKey || event.ctrlKey)) { event.preventDefault(); if (!waiting) button.click(); }
    };
    place.replaceChildren(editor, make("div", { className: "python-row" }, button, reset, make("span", {}, "Shift+Enter runs")), output);
    cell.classList.add("python-open");
    editor.focus({ preventScroll: true });
    run(code, output, button);
  }

  async function run(source, output, button) {
    if (waiting || button.disabled) return;
    output.textContent = "";
    button.textContent = "Stop";
    let text = "";
    try {
      if (!worker) await start((part) => { output.textContent = part < 1 ? `Loading Python: ${Math.round(100 * part)} %` : "Starting Python …"; });
      output.textContent = "";
      await ask({ source }, (more) => { text += more; output.textContent = text; });
      if (!text) output.textContent = "Done. Nothing was printed.";
    } catch (error) {
      output.textContent = `${text}${error.message}`;
    } finally {
      button.textContent = "Run";
    }
  }

  for (const place of document.querySelectorAll(".python-here")) {
    const { offer, missing } = PYTHON_HERE;
    if (missing) { place.append(make("p", {}, missing)); continue; }
    place.append(make("button", { type: "button", onclick: () => open(place) }, "Run it in this page"), make("span", {}, offer));
  }
  return { stop };
})();
