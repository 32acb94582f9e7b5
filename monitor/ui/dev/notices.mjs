// Writes public/third-party.json: every package that is built into the two programs and the page,
// with its version and licence, from the lock files' own data. Run it when dependencies change;
// a unit test tells when that was forgotten.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const cargo = JSON.parse(execFileSync("cargo", ["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"], { cwd: at("../../.."), maxBuffer: 1 << 28, encoding: "utf8" }));

const packages = new Map(cargo.packages.map((p) => [p.id, p]));
const nodes = new Map(cargo.resolve.nodes.map((n) => [n.id, n]));
const built = new Set();
const visit = (id) => {
  if (built.has(id)) return;
  built.add(id);
  for (const dep of nodes.get(id).deps) if (dep.dep_kinds.some((k) => k.kind === null)) visit(dep.pkg);
};
for (const p of cargo.packages) if (/^glassway-(proxy|monitor)$/.test(p.name)) visit(p.id);
const crates = [...built].map((id) => packages.get(id)).filter((p) => p.source !== null);

const lock = JSON.parse(readFileSync(at("../package-lock.json"), "utf8"));
const modules = Object.entries(lock.packages)
  .filter(([path, p]) => path && !p.dev && !p.devOptional && !p.optional)
  .map(([path, p]) => ({ name: path.replace(/^.*node_modules\//, ""), version: p.version, license: p.license ?? "see its files" }));

const all = [...crates.map(({ name, version, license }) => ({ name, version, license: license ?? "see its files" })), ...modules];
const unique = [...new Map(all.map((n) => [`${n.name} ${n.version}`, n])).values()];
unique.sort((a, b) => a.name.localeCompare(b.name, "en") || a.version.localeCompare(b.version, "en"));
writeFileSync(at("../public/third-party.json"), `[\n${unique.map((n) => JSON.stringify(n)).join(",\n")}\n]\n`);
console.log(`${unique.length} packages`);
