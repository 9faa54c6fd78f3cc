// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright: (c) 2026, Django Media Cleanup contributors
// Opens a page in a browser and takes steps on it. The scenario comes as JSON on standard input; without a page,
// the browser is only unpacked. What came of each step, and what the browser said, goes to standard output.
"use strict";

const { readFileSync } = require("node:fs");
const chromium = require("@sparticuz/chromium").default || require("@sparticuz/chromium");
const puppeteer = require("puppeteer-core");

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function take(page, client, [what, ...about]) {
  switch (what) {
    case "eval": return page.evaluate(about[0]);
    case "press": for (const key of about) await page.keyboard.press(key); return wait(30);
    case "tab":
      for (let times = 1; times < 100; times++) {
        await page.keyboard.press("Tab");
        if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(about[0])})`)) return times;
      }
      throw new Error(`no Tab leads to ${about[0]}`);
    case "type": await page.keyboard.type(about[0]); return wait(300);
    case "click": await page.click(about[0]); return wait(60);
    case "wait": return wait(about[0]);
    case "viewport":
      await page.setViewport({ width: about[0], height: about[1] });
      return wait(200);
    case "screenshot": await page.screenshot({ path: about[0] }); return null;
    case "axe": {
      if (!await page.evaluate("typeof axe !== 'undefined'")) {
        await client.send("Runtime.evaluate", { expression: readFileSync(require.resolve("axe-core/axe.min.js"), "utf8") });
      }
      const found = await page.evaluate("axe.run()");
      return found.violations.map((each) => `${each.id}: ${each.nodes.slice(0, 3).map((node) => node.html).join(" | ")}`);
    }
    default: throw new Error(`there is no step ${what}`);
  }
}

async function main() {
  const scenario = JSON.parse(readFileSync(0, "utf8"));
  const path = await chromium.executablePath();
  if (!scenario.page) return;
  const args = ["--no-sandbox", "--no-zygote", "--disable-gpu", "--font-render-hinting=none"];
  const browser = await puppeteer.launch({ executablePath: path, args, headless: "shell" });
  const said = [], requests = [], results = [];
  try {
    const page = await browser.newPage();
    page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => said.push(`error: ${error.message}`));
    page.on("request", (request) => requests.push(request.url().slice(0, 100)));
    const client = await page.createCDPSession();
    await client.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: scenario.downloads });
    await page.setViewport({ width: scenario.width || 1280, height: scenario.height || 800 });
    const began = Date.now();
    await page.goto(`file://${scenario.page}`);
    const opened = Date.now() - began;
    for (const step of scenario.steps) {
      const start = Date.now();
      const value = await take(page, client, step);
      results.push({ value: value === undefined ? null : value, milliseconds: Date.now() - start });
    }
    process.stdout.write(JSON.stringify({ results, said, requests, opened }));
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
