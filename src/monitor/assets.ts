/**
 * The page's files, read once and kept: the only files that the monitor serves, each by its exact path.
 *
 * The scripts are written in TypeScript and served with their types blanked out, so that no build stands between the
 * source and the browser. uPlot comes from its npm package.
 */

import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { createRequire, stripTypeScriptTypes } from "node:module";
import { gzipSync } from "node:zlib";

/** A file as it is sent. */
export interface Asset {
  readonly type: string;
  readonly body: Uint8Array;
  readonly gzipped: Uint8Array;
}

const PAGES = { "/": "index.html", "/login": "login.html" };
const STYLES = ["page.css"];
const SCRIPTS = [
  "main.ts",
  "login.ts",
  "theme.ts",
  "dom.ts",
  "format.ts",
  "frame_view.ts",
  "raster_view.ts",
  "latency_view.ts",
  "power_view.ts",
  "health_view.ts",
];

/** Every file by its path. @throws when one cannot be read, which is a fault of the installation */
export function loadAssets(): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>();
  const own = (name: string) => readFileSync(new URL(`./page/${name}`, import.meta.url), "utf8");
  for (const [path, name] of Object.entries(PAGES)) assets.set(path, asset("text/html; charset=utf-8", own(name)));
  for (const name of STYLES) assets.set(`/page/${name}`, asset("text/css; charset=utf-8", own(name)));
  for (const name of SCRIPTS) {
    const script = stripTypeScriptTypes(own(name));
    assets.set(`/page/${name}`, asset("text/javascript; charset=utf-8", script));
  }
  const { resolve } = createRequire(import.meta.url);
  const vendored = (name: string) => readFileSync(resolve(`uplot/dist/${name}`), "utf8");
  assets.set("/vendor/uplot.js", asset("text/javascript; charset=utf-8", vendored("uPlot.iife.min.js")));
  assets.set("/vendor/uplot.css", asset("text/css; charset=utf-8", vendored("uPlot.min.css")));
  return assets;
}

// ---------------------------------------------------------------------------------------------------------------------

function asset(type: string, text: string): Asset {
  const body = Buffer.from(text);
  return { type, body, gzipped: gzipSync(body) };
}
