// Pictures of a page's charts, as PNG at twice the size and as SVG, on a white ground: scripts/pictures PAGE.html OUTDIR
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch, open_page } from "./browser.js";

const [file, folder] = process.argv.slice(2);
if (!file || !folder) {
  console.error("usage: scripts/pictures PAGE.html OUTDIR");
  process.exit(2);
}
const browser = await launch();
try {
  const { page } = await open_page(browser, file, { width: 960 });
  const pictures = await page.evaluate(async () => {
    const made = [];
    for (const place of document.querySelectorAll(".chart")) {
      place.view.background("#ffffff");
      await place.view.runAsync();
      made.push({
        name: place.dataset.name,
        svg: await place.view.toSVG(),
        png: await place.view.toImageURL("png", 2),
      });
    }
    return made;
  });
  mkdirSync(folder, { recursive: true });
  for (const { name, svg, png } of pictures) {
    writeFileSync(join(folder, `${name}.svg`), svg + "\n");
    writeFileSync(join(folder, `${name}.png`), Buffer.from(png.split(",")[1], "base64"));
    console.log(join(folder, `${name}.png`));
  }
} finally {
  await browser.close();
}
