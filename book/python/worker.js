// Python in a worker of its own, so that the page stays awake and an endless loop can be stopped. In front of this come
// Pyodide's scripts. Nothing is fetched: what Pyodide asks for is what the page has handed over.

const BASE = "https://nowhere.invalid/"; // never asked: see fetch
const TYPES = { wasm: "application/wasm", json: "application/json" };
let given = {}, python = null;

self.fetch = async (url) => {
  const name = String(url).replace(BASE, ""), type = TYPES[name.split(".").pop()] ?? "application/octet-stream";
  return new Response(given[name] ?? null, { status: given[name] ? 200 : 404, headers: { "content-type": type } });
};

// A cell as a notebook runs it: the value of its last expression is shown, an error with the cell's own lines only.
const RUN = `
import ast, traceback
names = {"__name__": "__main__"}
def run(source):
    try:
        tree, last = ast.parse(source, "<cell>"), None
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body.pop().value)
        exec(compile(tree, "<cell>", "exec"), names)
        value = eval(compile(last, "<cell>", "eval"), names) if last else None
        if value is not None:
            print(repr(value))
        return True
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == "<cell>"]
        for frame in frames:
            print(f"line {frame.lineno}: {source.splitlines()[frame.lineno - 1].strip()}")
        print("".join(traceback.format_exception_only(error)).strip())
        return False
run`;

async function start({ files, library, before }) {
  given = files;
  const print = (text) => self.postMessage({ printed: `${text}\n` });
  python = await loadPyodide({ indexURL: BASE, stdout: print, stderr: print });
  await python.loadPackage("numpy", { messageCallback() {} });
  python.unpackArchive(library, "zip");
  given = {};
  const run = python.runPython(RUN);
  if (!run(before)) throw new Error("The chapter's own code did not run.");
  return run;
}

let started = null;

self.onmessage = async ({ data }) => {
  try {
    if (data.files) started = start(data);
    const run = await started;
    self.postMessage(data.source === undefined ? { ready: true } : { done: run(data.source) });
  } catch (error) {
    self.postMessage({ failed: error.message });
  }
};
