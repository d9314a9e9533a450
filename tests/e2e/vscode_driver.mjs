// Drives windows of VS Code in a headless browser: one JSON request a line, {id, method, window, args}, one answer a line.
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const ARGUMENTS = [
  '--no-sandbox', '--headless=new', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];
// Far beyond what anything takes on a quiet machine: it ends a test that waits for what never comes.
const LIMIT = 60_000;

let browser;
const windows = new Map();

const MENU = process.platform === 'darwin' ? 'Meta' : 'Control';

// What the page says about itself. Defined once in each window, by `open`.
function instrument() {
  const plain = (text) => text.replaceAll('\u00a0', ' ').replaceAll('\u200b', '');
  const top = (element) => element.getBoundingClientRect().top;
  const editor = () => document.querySelector('.editor-instance') ?? document;
  const lines = () => {
    const found = [...editor().querySelectorAll('.view-lines > .view-line')];
    return found.sort((a, b) => top(a) - top(b)).map((line) => plain(line.textContent));
  };
  // The first line of ghost text is a part of a line, the others stand in a zone below it.
  const ghostInLine = () => [...editor().querySelectorAll('.view-lines > .view-line .ghost-text-decoration, .view-lines > .view-line .ghost-text')];
  const ghostBelow = () => [...editor().querySelectorAll('.view-zones .suggest-preview-text .view-line, .suggest-preview-text > div')];
  const ghost = () => {
    const first = ghostInLine().map((part) => plain(part.textContent)).join('');
    const rest = [...new Set(ghostBelow())].sort((a, b) => top(a) - top(b)).map((line) => plain(line.textContent));
    return [first, ...rest].join('\n');
  };
  // For somebody who types at the end of the document: all that is on the screen, ghost text included.
  const visible = () => [...lines(), ...[...new Set(ghostBelow())].sort((a, b) => top(a) - top(b)).map((line) => plain(line.textContent))].join('\n');

  const watch = () => {
    const seen = { frames: 0, flickers: [], last: visible() };
    const look = () => {
      seen.frames += 1;
      const now = visible();
      // Whoever types along with what is shown sees it grow. Anything else was a blink.
      if (!now.trimEnd().startsWith(seen.last.trimEnd())) {
        seen.flickers.push([seen.last.slice(-200), now.slice(-200)]);
      }
      seen.last = now;
    };
    // What one change of the page does in steps nobody sees: a look is behind the frame that shows it,
    // and before the next key, also where keys come faster than they are drawn.
    let waiting = false;
    const painted = () => { waiting = false; look(); };
    const changed = () => {
      if (!waiting) {
        waiting = true;
        requestAnimationFrame(() => scheduler.postTask(painted, { priority: 'user-blocking' }));
      }
    };
    new MutationObserver(changed).observe(editor(), { subtree: true, childList: true, characterData: true, attributes: true });
    window.sparkSeen = seen;
  };
  // Types a key, and says how many ms after it the screen shows this ghost text. The key comes from outside.
  const timed = (expected) => new Promise((resolve) => {
    let began;
    document.addEventListener('keydown', () => { began = performance.now(); }, { capture: true, once: true });
    const painted = new MessageChannel();
    const observer = new MutationObserver(() => {
      if (began !== undefined && ghost() === expected) {
        observer.disconnect();
        requestAnimationFrame(() => painted.port2.postMessage(null));
      }
    });
    painted.port1.onmessage = () => resolve(performance.now() - began);
    observer.observe(editor(), { subtree: true, childList: true, characterData: true, attributes: true });
  });
  window.spark = { timed, lines, ghost, visible, watch };
}

const quickInput = (page) => page.locator('.quick-input-widget:visible');

const methods = {
  async open({ url, width = 1000, height = 640, settle = true }, id) {
    browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGUMENTS });
    const context = await browser.newContext({ viewport: { width, height } });
    const page = await context.newPage();
    await page.addInitScript(`(${instrument})()`);
    windows.set(id, page);
    await page.goto(url);
    await page.waitForSelector('.statusbar-item', { timeout: 60_000 });
    if (settle) {
      await page.waitForSelector('.editor-instance .view-line', { timeout: 60_000 });
    }
  },
  async close(_, page) {
    // Left as a person leaves it: a connection that is only cut keeps its extension host for hours, to be come back to.
    page.on('dialog', (dialog) => dialog.accept());
    await page.goto('about:blank');
    await page.context().close();
  },
  async reload(_, page) {
    page.on('dialog', (dialog) => dialog.accept());
    await page.reload();
    await page.waitForSelector('.editor-instance .view-line', { timeout: 60_000 });
  },
  async focus(_, page) {
    await page.click('.editor-instance .view-lines');
  },
  async type({ text, delay = 0 }, page) {
    await page.keyboard.type(text, { delay });
  },
  // Real keys, without waiting for what each of them does: `type` takes three round trips for each. At a blank all
  // that is to be done is done first, so that a slow machine is not seen at the end alone.
  async rattle({ text, delay }, page) {
    const session = await page.context().newCDPSession(page);
    for (const character of text) {
      const enter = character === '\n';
      const key = enter ? { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13, text: '\r' } : { key: character, text: character };
      const sent = [
        session.send('Input.dispatchKeyEvent', { type: 'keyDown', ...key }),
        session.send('Input.dispatchKeyEvent', { type: 'keyUp', ...key }),
      ];
      await Promise.all([...sent, new Promise((resolve) => setTimeout(resolve, delay))]);
      if (character === ' ') {
        await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => scheduler.postTask(resolve))));
      }
    }
    await session.detach();
  },
  async press({ key, times = 1, delay = 0 }, page) {
    for (let count = 0; count < times; count++) {
      await page.keyboard.press(key, { delay });
    }
  },
  // A typo clears the ghost text, Backspace brings it back: how many ms it takes until it is on the screen, each time.
  async time({ expected, times }, page) {
    const found = [];
    for (let count = 0; count < times; count++) {
      await page.keyboard.press('Q');
      await page.waitForFunction(() => window.spark.ghost() === '', null, { timeout: LIMIT });
      await page.waitForTimeout(200);
      await page.evaluate((text) => { window.sparkTimed = window.spark.timed(text); }, expected);
      await page.keyboard.press('Backspace');
      const late = new Promise((resolve) => setTimeout(resolve, 5000, null));
      found.push(await Promise.race([page.evaluate(() => window.sparkTimed), late]));
    }
    return found;
  },
  lines: (_, page) => page.evaluate(() => window.spark.lines()),
  ghost: (_, page) => page.evaluate(() => window.spark.ghost()),
  visible: (_, page) => page.evaluate(() => window.spark.visible()),
  watch: (_, page) => page.evaluate(() => window.spark.watch()),
  seen: (_, page) => page.evaluate(() => window.sparkSeen),
  async until({ what, text, absent = false, limit = LIMIT }, page) {
    const reached = ([what, text, absent]) => {
      const now = {
        ghost: () => window.spark.ghost(),
        visible: () => window.spark.visible(),
        status: () => document.querySelector('[id="spark-lsp.spark-lsp.spark.status"]')?.textContent ?? '',
        page: () => document.body.textContent,
      }[what]();
      return now.replaceAll('\u00a0', ' ').includes(text) !== absent;
    };
    await page.waitForFunction(reached, [what, text, absent], { timeout: limit });
  },
  status: (_, page) =>
    page.evaluate(() => {
      const item = document.querySelector('[id="spark-lsp.spark-lsp.spark.status"]');
      return item && {
        text: item.textContent.replaceAll('\u00a0', ' ').trim(),
        label: item.querySelector('a')?.getAttribute('aria-label') ?? '',
        kind: item.className.includes('error-kind') ? 'error' : item.className.includes('warning-kind') ? 'warning' : 'normal',
      };
    }),
  notifications: (_, page) =>
    page.evaluate(() => [...document.querySelectorAll('.notification-list-item')].map((item) =>
      [item.querySelector('.notification-list-item-message'), ...item.querySelectorAll('.monaco-button')]
        .map((part) => part?.textContent ?? ''))),
  async button({ text }, page) {
    await page.locator('.notification-list-item .monaco-button', { hasText: text }).click({ timeout: LIMIT });
  },
  async dialog({ text }, page) {
    await page.locator('.monaco-dialog-box .monaco-button', { hasText: text }).click({ timeout: LIMIT });
  },
  async command({ title }, page) {
    await page.keyboard.press('F1');
    await quickInput(page).waitFor({ timeout: LIMIT });
    await page.keyboard.type(title);
    await methods.pick({ text: title }, page);
  },
  async clickStatus(_, page) {
    await page.click('[id="spark-lsp.spark-lsp.spark.status"] a');
  },
  async menu(_, page) {
    await quickInput(page).locator('.monaco-list-row').first().waitFor({ timeout: LIMIT });
    return quickInput(page).locator('.monaco-list-row .label-name').allInnerTexts();
  },
  async pick({ text }, page) {
    await quickInput(page).locator('.monaco-list-row', { hasText: text }).first().click({ timeout: LIMIT });
  },
  // The quick fixes at the cursor, from the lightbulb's menu, which is opened if it is not; with `text`, that one
  // is chosen.
  async fixes({ text }, page) {
    const rows = page.locator('.action-widget .monaco-list-row.action');
    if (!(await rows.first().isVisible())) {
      await page.keyboard.press(`${MENU}+.`);
    }
    const opened = await rows.first().waitFor({ timeout: 3000 }).then(() => true, () => false);
    const titles = opened ? await rows.allInnerTexts() : [];
    if (text !== undefined) {
      await rows.filter({ hasText: text }).first().click({ timeout: LIMIT });
    }
    return titles;
  },
  async goto({ line, column = 1 }, page) {
    await page.keyboard.press('Control+G');
    await quickInput(page).waitFor({ timeout: LIMIT });
    await page.keyboard.type(`${line}:${column}`);
    await page.keyboard.press('Enter');
    await quickInput(page).waitFor({ state: 'hidden', timeout: LIMIT });
  },
  async screenshot({ path }, page) {
    await page.screenshot({ path });
  },
  html: ({ selector }, page) => page.evaluate((selector) => [...document.querySelectorAll(selector)].map((element) => element.outerHTML), selector),
  evaluate: ({ script }, page) => page.evaluate(script),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, window, args } = JSON.parse(line);
  try {
    const page = method === 'open' ? window : windows.get(window);
    const result = await methods[method](args, page);
    console.log(JSON.stringify({ id, result: result ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ id, error: String(error.stack ?? error) }));
  }
}
await browser?.close();
