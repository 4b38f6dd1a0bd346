/**
 * Bundles the participant's page into ../static: app.js, app.css, and the licences of what is inside.
 * Prints what a browser has to download, compressed.
 */
import { build } from "esbuild";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "static");

/** The npm packages that a bundle holds, from esbuild's list of its inputs. */
function packagesIn(metafile) {
  const names = Object.keys(metafile.inputs)
    .map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
    .filter((name) => name !== undefined);
  return [...new Set(names)].sort();
}

/** One package's name, version and licence text. */
function notice(name) {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? "" : `\n\n${readFileSync(join(folder, file), "utf8").trim()}`;
  return `${name} ${version} (${license})${text}\n`;
}

/** Writes a file gzipped beside itself, as the server hands it out; returns its size in bytes. */
function pack(name) {
  const bytes = readFileSync(join(out, name));
  const packed = gzipSync(bytes, { level: 9 });
  writeFileSync(join(out, `${name}.gz`), packed);
  console.log(`${name}: ${(bytes.length / 1024).toFixed(1)} KB, ${(packed.length / 1024).toFixed(1)} KB gzipped`);
  return packed.length;
}

mkdirSync(out, { recursive: true });
const result = await build({
  entryPoints: [join(here, "src", "main.ts"), join(here, "src", "app.css")],
  entryNames: "app",
  outdir: out,
  bundle: true,
  alias: { "random-words": join(here, "src", "no-words.ts") },
  minify: true,
  format: "esm",
  target: ["es2022", "chrome100", "firefox100", "safari15.4"],
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
  absWorkingDir: here,
});
copyFileSync(join(here, "src", "icon.svg"), join(out, "icon.svg"));
writeFileSync(join(out, "THIRD-PARTY.txt"), packagesIn(result.metafile).map(notice).join(`\n${"-".repeat(72)}\n\n`));
const total = pack("app.js") + pack("app.css");
console.log(`total: ${(total / 1024).toFixed(1)} KB gzipped`);
