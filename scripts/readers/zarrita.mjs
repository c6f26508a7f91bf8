// Read arrays of a Zarr group by zarrita, and print lines of JSON as libraries.py does.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { FileSystemStore } from "@zarrita/storage";
import * as zarr from "zarrita";

const [root, ...names] = process.argv.slice(2);

function digest({ data }) {
  const hash = createHash("sha256");
  const values = Array.from({ length: data.length }, (_, i) => (data.get ? data.get(i) : data[i]));
  if (typeof values[0] === "string") return hash.update(values.join("\0")).digest("hex");
  return hash.update(Buffer.from(Float64Array.from(values, Number).buffer)).digest("hex");
}

for (const name of names) {
  const line = { name };
  try {
    const store = new FileSystemStore(`${root}/${name}`);
    const array = await zarr.open.v3(store, { kind: "array" });
    const found = await zarr.get(array);
    line.digest = digest(array.shape.length ? found : { data: [found] });
  } catch (error) {
    line.error = String(error.message);
  }
  console.log(JSON.stringify(line));
}
const { version } = JSON.parse(readFileSync("node_modules/zarrita/package.json"));
console.log(JSON.stringify({ version }));
