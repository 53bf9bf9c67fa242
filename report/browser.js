// A headless Chromium with a report page open, for the page's test and for making pictures of its charts.
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { chromium } from "playwright-core";

const places = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser"];
export const chromium_path = places.find((place) => place && existsSync(place));

export async function launch() {
  if (!chromium_path)
    throw new Error("Chromium is missing; scripts/install-deps installs it, or name another one in CHROMIUM");
  return chromium.launch({ executablePath: chromium_path, args: ["--no-sandbox", "--force-color-profile=srgb"] });
}

// Opens a file in a window of that width and waits until its charts are drawn. `complaints` collects what a page must not
// do: errors on the console, exceptions, requests beyond the file itself.
export async function open_page(browser, file, { width = 1100, height = 900, dark = false } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    deviceScaleFactor: 1,
  });
  const page = await context.newPage();
  const address = pathToFileURL(resolve(file)).href;
  const complaints = [];
  page.on(
    "console",
    (message) => ["error", "warning"].includes(message.type()) && complaints.push(`console: ${message.text()}`),
  );
  page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("request", (request) => {
    const url = request.url();
    if (url !== address && !url.startsWith("data:") && !url.startsWith("blob:")) complaints.push(`request: ${url}`);
  });
  await page.goto(address);
  await page.waitForFunction(() => document.documentElement.dataset.drawn === "yes", null, { timeout: 600000 });
  return { page, context, complaints };
}
