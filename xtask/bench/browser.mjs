// Somebody who signs in with a real browser: Chromium, driven by playwright-core.
//
// Usage: node browser.mjs < ORDER.json   (one JSON line on stdout when the sign-in has ended)
//
// ORDER: { chromium, profile, url, user, password, userCode?, target?, headed?, waitForFile?, timeoutMs, screenshot? }
// `target` is where a redirect has arrived; `waitForFile` ends the wait for a custom scheme, whose handler writes it.
import { existsSync, readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const order = JSON.parse(readFileSync(0, 'utf8'));
const REFUSALS = /abort|cancel|decline|deny|refuse|reject/i;
const end = Date.now() + order.timeoutMs;
const left = () => Math.max(1, end - Date.now());

const context = await chromium.launchPersistentContext(order.profile, {
  executablePath: order.chromium,
  headless: !order.headed,
  timeout: left(),
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
  ],
});

const visited = [];
const consoleErrors = [];
let problem;
try {
  const page = context.pages()[0] ?? await context.newPage();
  page.on('framenavigated', (frame) => { if (frame === page.mainFrame()) visited.push(frame.url()); });
  page.on('console', (message) => { if (message.type() === 'error') consoleErrors.push(message.text()); });
  const arrived = () => order.target && page.url().startsWith(order.target);
  const finished = () => arrived() || (order.waitForFile && existsSync(order.waitForFile));
  await page.goto(order.url, { timeout: left() }).catch((error) => {
    // A page that hands over to a custom scheme ends no navigation.
    if (!order.waitForFile) throw error;
  });
  for (let pages = 0; pages < 20 && !finished(); pages += 1) {
    const form = page.locator('form').first();
    if (!await form.count()) break;
    for (const field of await form.locator('input:visible').all()) {
      const type = (await field.getAttribute('type') ?? 'text').toLowerCase();
      const name = await field.getAttribute('name') ?? '';
      if (type === 'password') await field.fill(order.password);
      else if (/^(user_?code|otc|code)$/.test(name) && order.userCode) await field.fill(order.userCode);
      else if (type === 'text' || type === 'email') await field.fill(order.user);
    }
    let button;
    for (const candidate of await page.locator('button:visible, input[type=submit]:visible').all()) {
      const words = `${await candidate.getAttribute('name')} ${await candidate.getAttribute('value')} ${await candidate.textContent()}`;
      if (!REFUSALS.test(words)) { button = candidate; break; }
    }
    if (!button) break;
    const before = visited.length;
    await button.click({ timeout: left() });
    const settled = Math.min(end, Date.now() + 10_000);
    while (visited.length === before && !finished() && Date.now() < settled) await page.waitForTimeout(25);
    await page.waitForLoadState('load', { timeout: left() }).catch(() => {});
  }
  while (order.waitForFile && !existsSync(order.waitForFile) && Date.now() < end) await page.waitForTimeout(50);
  if (order.screenshot) await page.screenshot({ path: order.screenshot });
  console.log(JSON.stringify({
    url: page.url(), title: await page.title(), text: await page.locator('body').innerText().catch(() => ''),
    arrived: Boolean(finished()), visited, consoleErrors,
  }));
} catch (error) {
  problem = error;
} finally {
  await context.close();
}
if (problem) {
  console.error(`browser: ${problem}`);
  process.exit(1);
}
