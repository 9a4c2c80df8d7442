/** A real Chromium for tests, driven by playwright-core. */

import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const PATH = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path)
);
/** False where the Debian package chromium is not installed. */
export const chromiumAvailable = PATH !== undefined;

/** Starts one without a window; the caller closes it. */
export function openBrowser(): Promise<Browser> {
  if (PATH === undefined) throw new Error("Cannot start a browser as the Debian package chromium must be installed");
  // Tests may run as root, for whom Chromium has no sandbox.
  return chromium.launch({ executablePath: PATH, headless: true, args: ["--no-sandbox", "--disable-gpu"] });
}
