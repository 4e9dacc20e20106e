"use strict";
// How files arrive. Each is cut into scripts that call part(): scripts, unlike fetch(), also load from a disk, and a
// page that needs no fetch() can forbid itself every connection.

const arrived = {}; // name -> its pieces, each base64

/** Called by the data scripts: piece number `index` of the file `name`. */
function part(name, index, text) {
  (arrived[name] ??= [])[index] = text;
}

/** Load one script; resolves when it has run. */
function loadScript(url) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${url} could not be loaded.`));
    document.head.append(script);
  });
}

/** The bytes of a file {name, path, parts, bytes}; `progress(bytes)` hears of each piece that has come. */
async function loadFile(file, progress = () => {}) {
  if (typeof DecompressionStream === "undefined") throw new Error("This browser is too old: it cannot unpack gzip.");
  await Promise.all(Array.from({ length: file.parts }, (_, i) =>
    loadScript(`${file.path}-${i}.js`).then(() => progress(file.bytes / file.parts))));
  const pieces = arrived[file.name].map((text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
  delete arrived[file.name];
  const unpacked = new Blob(pieces).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}
