/// <reference lib="dom" />
/**
 * The page in a real Chromium, over the real demo: live figures in both themes and two widths, by keyboard, and for screen
 * readers as far as axe can tell. Set PAGE_SCREENSHOTS to a folder to look at what was seen.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import type { Browser, Page } from "playwright-core";
import { chromiumAvailable, openBrowser } from "../support/browser.ts";
import { startMonitor } from "../support/monitors.ts";
import { startProgram } from "../support/program.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TOKEN = "0123456789abcdef-secret";

/** A test that a machine without Chromium skips. */
function browserTest(name: string, work: (browser: Browser) => Promise<void>): void {
  Deno.test({
    name: chromiumAvailable ? name : `${name} (needs the Debian package chromium)`,
    ignore: !chromiumAvailable,
    // Chromium is driven over pipes that playwright-core leaves to the end of the process.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      const browser = await openBrowser();
      try {
        await work(browser);
      } finally {
        await browser.close();
      }
    },
  });
}

/** What the page complained of. */
function complaints(page: Page): string[] {
  const found: string[] = [];
  page.on("console", (message) => message.type() === "error" && found.push(message.text()));
  page.on("pageerror", (error) => found.push(error.message));
  return found;
}

/** Waits until a canvas has more than so many different colours: with one, nothing is drawn. */
async function untilColors(page: Page, id: string, more: number): Promise<void> {
  await page.waitForFunction(({ id, more }) => {
    const canvas = document.getElementById(id) as HTMLCanvasElement;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size > more;
  }, { id, more });
}

async function seriousViolations(page: Page): Promise<string[]> {
  // Not addScriptTag: the page's own policy forbids foreign scripts, as it should.
  await page.evaluate(AXE);
  return await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
}

const text = (page: Page, id: string) => page.locator(`#${id}`).innerText();

async function keepPicture(page: Page, name: string): Promise<void> {
  const folder = process.env.PAGE_SCREENSHOTS;
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

browserTest(
  "the demo's page shows live frames, spikes, latency and counts, in light and dark, wide and narrow",
  async (browser) => {
    await using program = startProgram(["demo", "--page", "--plain"]);
    const url = (await program.line(/in a browser: http/)).split("browser: ")[1];
    for (const [colorScheme, width] of [["light", 1280], ["dark", 360]] as const) {
      const page = await browser.newPage({ colorScheme, viewport: { width, height: 800 } });
      const found = complaints(page);
      await page.goto(url);
      await page.locator("#health[data-state=ok]").waitFor();
      await page.locator("#raster-table tr").first().waitFor({ state: "attached" });
      await page.locator("#chart canvas").waitFor();
      await page.locator("#stages tr").first().waitFor();

      assert.match(
        await text(page, "equation"),
        /^captured [\d,]+ = classified [\d,]+ \+ dropped [\d,]+ \+ in flight [\d,]+ ✓ adds up$/,
      );
      const first = await text(page, "picture-note");
      await page.waitForFunction((first) => document.getElementById("picture-note")!.innerText !== first, first);
      await untilColors(page, "picture", 5); // shades
      await untilColors(page, "raster", 4); // bands, words and spikes
      assert.match(await text(page, "raster-note"), /11,426 spikes.*equal the frame's own, spike for spike/);
      assert.equal(await page.locator("#raster-table tr").count(), 7);
      assert.equal(await page.locator("#bars li").count(), 10);
      assert.match(await text(page, "power-model"), /estimated for the cores of a Loihi board/);
      await page.waitForFunction(() => Number(document.getElementById("rate")!.innerText) > 0);

      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${overflow} px too wide at ${width}`);
      assert.deepEqual(await seriousViolations(page), []);
      await keepPicture(page, `${colorScheme}-${width}`);
      assert.deepEqual(found, []);
      await page.close();
    }
  },
);

browserTest("everything can be reached and used by keyboard", async (browser) => {
  await using started = await startMonitor();
  const page = await browser.newPage();
  await page.goto(started.url);
  await page.locator("#health[data-state=ok]").waitFor();
  const focused = () => page.evaluate(() => document.activeElement!.id || document.activeElement!.className);
  const seen: string[] = [];
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press("Tab");
    seen.push(await focused());
    if (seen.at(-1) === "pause") break;
  }
  assert.deepEqual(seen, ["skip", "camera", "pause"]);
  await page.keyboard.press("Space");
  assert.equal(await page.locator("#pause").getAttribute("aria-pressed"), "true");
  await page.keyboard.press("Space");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await text(page, "theme"), "Theme: light");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await page.reload();
  assert.equal(await text(page, "theme"), "Theme: dark", "it is remembered");
  // The other camera, by its selector.
  const asked = page.waitForRequest(/\/events\?camera=yard$/);
  await page.locator("#camera").selectOption("yard");
  await asked;
  await page.waitForFunction(() => document.getElementById("links")!.innerText.includes("yard, online"));
  assert.match(await text(page, "equation"), /^captured 7 = classified 4 \+ dropped 2 \+ in flight 1 ✓ adds up$/);
  assert.match(await text(page, "power-empty"), /^(Waiting|This gateway publishes no power)/);
});

browserTest("a problem is shown, and over when it is over", async (browser) => {
  await using started = await startMonitor();
  const page = await browser.newPage();
  await page.goto(started.url);
  await page.locator("#health[data-state=ok]").waitFor();
  started.problems.set("camera.door", "no frame for 5 s <b>");
  await page.locator("#problems").waitFor({ state: "visible" });
  assert.equal(await text(page, "health"), "1 problem");
  assert.match(
    await text(page, "problem-list"),
    /^camera\.door: no frame for 5 s <b> \(since /,
    "as text, not as HTML",
  );
  await keepPicture(page, "problem");
  started.problems.clear();
  await page.locator("#problems").waitFor({ state: "hidden" });
});

browserTest("with a token, a browser logs in by form and out again", async (browser) => {
  await using started = await startMonitor({ token: TOKEN });
  const page = await browser.newPage();
  const found = complaints(page);
  await page.goto(started.url);
  assert.equal(new URL(page.url()).pathname, "/login");
  await page.locator("#token").fill("a guess that is wrong");
  await page.keyboard.press("Enter");
  await page.locator("#failed").waitFor({ state: "visible" });
  assert.deepEqual(await seriousViolations(page), []);
  await keepPicture(page, "login");
  await page.locator("#token").fill(TOKEN);
  await page.keyboard.press("Enter");
  await page.locator("#health[data-state=ok]").waitFor();
  assert.equal(await page.evaluate(() => document.cookie), "", "no script sees the session");
  await page.locator("#logout button").click();
  await page.locator("#token").waitFor();
  await page.goto(started.url);
  assert.equal(new URL(page.url()).pathname, "/login");
  assert.deepEqual(found, []);
});
