// Runs assemble.py in CPython 3.12 for WebAssembly: one compiler and one zlib for every machine, so that the bytes of a
// package do not depend on the machine that made it. Usage: node assemble.mjs PYODIDE_FOLDER < job.json
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const HOST = "/host";
const { loadPyodide } = await import(pathToFileURL(join(process.argv[2], "pyodide.mjs")).href);

const job = JSON.parse(readFileSync(0, "utf8"));
for (const item of job.packages) {
  item.output = HOST + item.output;
  for (const name of Object.keys(item.files)) item.files[name] = HOST + item.files[name];
}

const python = await loadPyodide({ env: { HOME: "/home/pyodide", PYTHONHASHSEED: "0" } });
python.FS.mkdirTree(HOST);
python.FS.mount(python.FS.filesystems.NODEFS, { root: "/" }, HOST);
const program = readFileSync(join(dirname(fileURLToPath(import.meta.url)), "assemble.py"), "utf8");
const assembler = python.toPy({ __name__: "assemble" });
try {
  python.runPython(program, { globals: assembler, filename: "assemble.py" });
  assembler.get("assemble")(python.toPy(job));
} catch (error) {
  console.error(String(error.message ?? error).trim().split("\n").at(-1));
  process.exit(1);
}
process.exit(0);
