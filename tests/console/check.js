// The checks of tests/console/run, in the order in which a day goes.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('../..', import.meta.url));
const example = join(root, 'examples/console');
const pictures = join(root, '.cluster/console-pictures');
const work = mkdtempSync(join(tmpdir(), 'leadscore-console-'));
const axe = readFileSync(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
mkdirSync(pictures, { recursive: true });

let passed = 0;
let failed = 0;
function expect(name, got, wanted) {
    const [one, other] = [got, wanted].map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
    if (one === other) {
        passed += 1;
        console.log(`ok console/${name}`);
    } else {
        failed += 1;
        console.log(`not ok console/${name}\n    expected ${other}\n    got      ${one}`);
    }
}
// A part of the day; what it throws is one failed check, and the next part begins all the same.
async function part(name, work) {
    const began = Date.now();
    try {
        await work();
    } catch (error) {
        expect(name, error.stack, 'no error');
    }
    console.log(`# ${name}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
}

const sql = (text) => execFileSync('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', text], { encoding: 'utf8' }).trim();

// ── Servers ──────────────────────────────────────────────────────────────────────────────────────────────────

const key = join(work, 'key');
writeFileSync(key, randomBytes(32));
const servers = [];
const freePort = () => new Promise((found) => {
    const probe = createServer().listen(0, '127.0.0.1', () => { const { port } = probe.address(); probe.close(() => found(port)); });
});
// Resolves when it answers.
function serve(port, environment = {}) {
    const server = spawn('node', [join(example, 'server.js')], { env: { ...process.env, PGUSER: 'console', CONSOLE_KEY: key, PORT: String(port), ...environment }, stdio: ['ignore', 'pipe', 'inherit'] });
    servers.push(server);
    return new Promise((ready, gone) => {
        server.stdout.on('data', (text) => (String(text).startsWith('console: ') ? ready(server) : process.stderr.write(text)));
        server.on('exit', () => gone(new Error('the server ended')));
    });
}
const stop = (server) => new Promise((done) => { server.on('exit', done); server.kill(); });

const port = await freePort();
const home = `http://127.0.0.1:${port}`;
const passwords = {};
for (const [name, ...options] of [['sanne', '--set', '--owner', 'Sanne Brouwer'], ['piet', '--set'], ['marit', '--owner', 'Marit Hoekstra'], ['nora', '--set', '--tenant', 'north'], ['willem', '--language', 'nl']]) {
    passwords[name] = randomBytes(6).toString('hex');
    execFileSync('node', [join(example, 'account.js'), name, ...options], { input: `${passwords[name]}\n` });
}
let server = await serve(port);

// ── Browsers ─────────────────────────────────────────────────────────────────────────────────────────────────

const chrome = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
const noise = [];
async function browser(options = {}) {
    const context = await chrome.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    context.setDefaultTimeout(10000);
    const page = await context.newPage();
    page.on('console', (message) => noise.push(message.text()));
    page.on('pageerror', (error) => noise.push(error.message));
    page.on('dialog', (dialog) => { noise.push(dialog.message()); dialog.dismiss(); });
    page.on('request', (request) => { if (!/^(http:\/\/127\.0\.0\.1:|data:)/.test(request.url())) noise.push(`asks for ${request.url()}`); });
    return page;
}
async function signIn(name, options, from = '/') {
    const page = await browser(options);
    await page.goto(home + from);
    await enter(page, name);
    return page;
}
async function enter(page, name, password = passwords[name]) {
    await page.fill('[name=name]', name);
    await page.fill('[name=password]', password);
    await page.click('main form button');
}
// What stands in a line of its own is told by the styles.
const text = async (page, selector) => {
    await page.waitForLoadState();
    return (await page.locator(selector).allInnerTexts()).map((one) => one.replace(/\s+/g, ' ').trim());
};
const status = async (page, wanted) => { await page.locator('[role=status]', { hasText: wanted }).waitFor(); return true; };
const kept = (page) => status(page, 'Kept among your edits');
const edits = () => sql("SELECT coalesce(string_agg(concat_ws(':', account, section, name), ', ' ORDER BY account, section, name), 'none') FROM console.edit e");
const field = (page, label) => page.locator('#form').getByLabel(label, { exact: true });

const quiet = (name) => { expect(`${name}-quiet`, noise.splice(0), []); };

// ── A recruiter ──────────────────────────────────────────────────────────────────────────────────────────────

let recruiter;
await part('recruiter', async () => {
    recruiter = await browser();
    await recruiter.goto(`${home}/health?x=1`);
    expect('asks-to-sign-in', new URL(recruiter.url()).pathname + (await recruiter.locator('[name=next]').inputValue()), '/sign-in/health?x=1');
    await enter(recruiter, 'marit', 'wrong');
    expect('wrong-password', await text(recruiter, '[role=alert]'), ['Name and password do not go together.']);
    noise.splice(0); // Chromium tells of the status 401.
    await enter(recruiter, 'nobody', 'wrong');
    expect('unknown-name', await text(recruiter, '[role=alert]'), ['Name and password do not go together.']);
    noise.splice(0);
    await enter(recruiter, 'marit');
    expect('goes-where-asked', recruiter.url(), `${home}/health?x=1`);
    await recruiter.goto(home);
    expect('own-list-first', sql("SELECT count(*) FROM leadscore.person WHERE owner = 'Marit Hoekstra'") >= (await recruiter.locator('tbody tr').count()) && await recruiter.locator('[name=owner]').inputValue(), 'Marit Hoekstra');
    const scores = (await text(recruiter, 'td.score')).map(Number);
    expect('highest-first', scores, [...scores].sort((a, b) => b - a));
    expect('whom-to-call', (await text(recruiter, 'tbody th a'))[0], sql("SELECT name FROM leadscore.worklist WHERE owner = 'Marit Hoekstra' ORDER BY score DESC, person_id LIMIT 1"));
    expect('sees-why', (await text(recruiter, 'tbody tr:first-child td'))[4], sql("SELECT why FROM leadscore.worklist WHERE owner = 'Marit Hoekstra' ORDER BY score DESC, person_id LIMIT 1"));
    await recruiter.selectOption('[name=category]', 'hot');
    await recruiter.selectOption('[name=owner]', '');
    await recruiter.click('.filters button');
    expect('filters', await recruiter.locator('tbody tr').count(), Number(sql("SELECT count(*) FROM leadscore.person WHERE category = 'hot' AND tenant IS NULL")));
    await recruiter.goto(`${home}/?owner=&search=emma`);
    expect('finds-by-name', await text(recruiter, 'tbody th a'), ['Emma Visser']);
    await recruiter.goto(`${home}/?owner=&search=%25`);
    expect('finds-literally', await text(recruiter, 'main > p:not([role])'), ['Nobody. Choose fewer filters.']);
    await recruiter.goto(home);
    await recruiter.click('tbody th a >> nth=0');
    const card = recruiter.frameLocator('iframe');
    await card.locator('svg >> nth=0').waitFor();
    expect('card-shows-course', await card.locator('svg').count(), 2);
    expect('card-shows-what-counts', (await card.locator('tbody tr').count()) > 2, true);
    expect('card-whole', await recruiter.evaluate(() => { const f = document.querySelector('iframe'); return f.contentDocument.documentElement.scrollHeight <= f.clientHeight; }), true);
    expect('what-does-not-count', (await text(recruiter, 'section >> nth=0')).join().includes('penalty due on'), true);
    expect('looker-edits-nothing', await recruiter.locator('[href="/preview"], main form').count(), 0);
    const answer = await recruiter.evaluate(async () => {
        const csrf = document.querySelector('[name=_csrf]').value;
        return (await fetch('/edit', { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json' }, body: JSON.stringify({ _csrf: csrf, section: 'rules', key: 'Call', value: null, was: null }) })).json();
    });
    expect('looker-may-not', answer.message, 'permission denied for function keep');
    noise.splice(0);
    quiet('recruiter');
});

// ── An account manager: appointment, 10 points, 60 days, active candidates ──────────────────────────────────

let manager;
await part('manager', async () => {
    manager = await signIn('sanne');
    await manager.click('text=Rules');
    await manager.click('summary >> nth=0');
    await manager.click('text=Points for an activity >> nth=0');
    await field(manager, 'Name').fill('Appointment with an active candidate');
    await field(manager, 'Points').fill('10');
    await field(manager, 'appointment').check();
    await field(manager, 'candidate').check();
    await field(manager, 'active').check();
    await field(manager, 'Counts for').fill('60');
    await manager.locator('#words', { hasText: '60' }).waitFor();
    await kept(manager);
    expect('rule-in-words', await text(manager, '#words'), ['10 points for each appointment, counts for 60 days, for candidate with status active']);
    sql("INSERT INTO app.appointment (candidate_id, starts_at) VALUES (9, now() - interval '1 day')");
    expect('nothing-changed-yet', sql("SELECT count(*) FROM leadscore.rule WHERE name ~ '^Appointment'"), '0');
    await manager.click('text=What would it do?');
    expect('preview-lists-the-edit', (await text(manager, '.edits ins')).length, 1);
    expect('preview-moves', (await text(manager, 'main table >> nth=0 >> tbody tr'))[0], 'candidate cold → warm 1');
    expect('preview-sample', (await text(manager, 'main table >> nth=1 >> tbody th'))[0], 'Candidate 9 candidate · Sanne Brouwer');
    await manager.screenshot({ path: join(pictures, 'preview-manager.png'), fullPage: true });
    await manager.click('text=Publish, and score');
    await status(manager, 'Published');
    expect('published', sql("SELECT points, relevant_for, statuses, person_kinds FROM leadscore.rule WHERE name ~ '^Appointment'"), '10|60 days|{active}|{candidate}');
    expect('everybody-is-scored', sql("SELECT score, category FROM leadscore.person WHERE name = 'Candidate 9'"), '10|warm');
    expect('no-edit-is-left', edits(), 'none');
    expect('history-says-who', (await text(manager, 'article >> nth=0'))[0].includes('sanne Appointment with an active candidate 10 points for each appointment'), true);
    const before = sql("SELECT category FROM leadscore.person WHERE name = 'Candidate 11'");
    sql("INSERT INTO app.appointment (candidate_id, starts_at) VALUES (11, now())");
    await manager.goto(`${home}/?owner=&search=Candidate+11`);
    expect('candidate-turns-warm', [before, (await text(manager, 'tbody tr:first-child td'))[1]], ['cold', 'warm']);
    quiet('manager');
});

await part('adjustment', async () => {
    await manager.click('tbody th a >> nth=0');
    const person = manager.url();
    await manager.fill('[name=points]', '7');
    await manager.fill('[name=reason]', 'Knows the <b>director</b>');
    await manager.click('text=Adjust >> nth=-1');
    await status(manager, 'Adjusted');
    expect('adjusted', (await text(manager, '.line span'))[0].replace(/\d+ \w+ \d+$/, ''), '+7 Knows the <b>director</b> (sanne)');
    expect('adjusted-score', sql("SELECT score FROM leadscore.person WHERE name = 'Candidate 11'"), '17');
    await manager.click('text=Take back');
    await status(manager, 'Taken back');
    expect('taken-back', sql("SELECT score FROM leadscore.person WHERE name = 'Candidate 11'"), '10');
    expect('stays-at-the-person', manager.url(), person);
    quiet('adjustment');
});

await part('switch', async () => {
    await manager.goto(`${home}/rules`);
    await manager.click('[aria-label="Switch off: E-mail"]');
    expect('switched-off', (await text(manager, 'li.off b')), ['E-mail']);
    await manager.click('[aria-label="Switch on: E-mail"]');
    expect('switched-back-is-no-edit', edits(), 'none');
    await manager.goto(`${home}/rules/edit?key=E-mail`);
    await manager.click('text=Remove this rule');
    expect('removed-goes', await text(manager, 'mark'), ['goes']);
    await manager.click('[aria-label="Undo: E-mail"]');
    expect('undone', [edits(), new URL(manager.url()).pathname], ['none', '/preview']);
    quiet('switch');
});

await part('bands', async () => {
    await manager.goto(`${home}/bands`);
    const persons = () => text(manager, '#bands tbody .number');
    const counted = () => sql("SELECT string_agg(coalesce(n.persons, 0)::text, ',' ORDER BY c.min_score NULLS FIRST) FROM leadscore.category c LEFT JOIN (SELECT category, count(*) AS persons FROM leadscore.person WHERE tenant IS NULL GROUP BY 1) n ON n.category = c.name");
    expect('bands-count', (await persons()).join(), counted());
    const warm = manager.locator('.limit >> nth=1');
    await warm.focus();
    await manager.keyboard.press('ArrowRight');
    expect('limit-by-keyboard', await warm.getAttribute('aria-valuenow'), '11');
    const box = await manager.locator('#bands svg').boundingBox();
    const handle = await manager.locator('.limit circle >> nth=2').boundingBox();
    await manager.mouse.move(handle.x + 5, handle.y + 5);
    await manager.mouse.down();
    await manager.mouse.move(box.x + box.width - 20, handle.y + 5, { steps: 5 });
    await manager.mouse.up();
    const dragged = Number(await manager.locator('.limit >> nth=2').getAttribute('aria-valuenow'));
    expect('limit-by-dragging', dragged > 20 && (await persons()).reduce((a, b) => a + Number(b), 0), Number(sql('SELECT count(*) FROM leadscore.person WHERE tenant IS NULL')));
    await manager.locator('#bands input[type=number] >> nth=2').fill('16');
    await manager.keyboard.press('Tab');
    await kept(manager);
    const wanted = (await persons()).join();
    await manager.reload();
    expect('bands-survive-reload', (await persons()).join(), wanted);
    await manager.click('text=What would it do?');
    await manager.click('text=Publish, and score');
    await status(manager, 'Published');
    expect('bands-hold-so-many', counted(), wanted);
    expect('bands-in-history', (await text(manager, 'article >> nth=0 >> .edits')).join(), 'Bands main cold, lukewarm ≥ 5, warm ≥ 10, hot ≥ 20 cold, lukewarm ≥ 5, warm ≥ 11, hot ≥ 16');
    await manager.click('text=Back to before this >> nth=0');
    expect('back-is-an-edit', (await text(manager, '.edits ins')), ['cold, lukewarm ≥ 5, warm ≥ 10, hot ≥ 20']);
    await manager.click('text=Publish, and score');
    await status(manager, 'Published');
    expect('back-to-before', sql("SELECT string_agg(min_score::text, ',' ORDER BY min_score) FROM leadscore.category WHERE tenant IS NULL"), '5,10,20');
    quiet('bands');
});

await part('room', async () => {
    await manager.goto(`${home}/bands`);
    await manager.click('summary');
    for (const [nth, room] of [20, 10, 5].entries()) await manager.locator(`[name=room] >> nth=${nth}`).fill(String(room));
    await manager.click('text=Suggest');
    const wanted = sql(`SELECT string_agg(min_score::text, ',' ORDER BY min_score) FROM leadscore.suggest_bands('{"lukewarm": 20, "warm": 10, "hot": 5}') WHERE min_score IS NOT NULL`);
    await manager.click('text=Use these limits');
    expect('bands-for-the-room', (await manager.locator('#bands input[type=number]').evaluateAll((all) => all.map((one) => one.value))).join(), wanted);
    await kept(manager);
    sql('DELETE FROM console.edit');
    quiet('room');
});

await part('works', async () => {
    await manager.goto(`${home}/works`);
    await manager.selectOption('[name=outcome]', 'vacancy');
    await manager.fill('[name=horizon]', '30');
    await manager.fill('[name=from]', sql('SELECT current_date - 290'));
    await manager.fill('[name=until]', sql('SELECT current_date - 30'));
    await manager.selectOption('[name=kind]', 'contact');
    await manager.click('.filters button');
    const asked = `'vacancy', '30 days', '${await manager.inputValue('[name=from]')}', '${await manager.inputValue('[name=until]')}', '1 month', 'contact'`;
    expect('evaluates', (await text(manager, 'section >> nth=0 >> tbody tr')).at(-1).split(' ').slice(1, 3).join(), sql(`SELECT persons || ',' || outcomes FROM leadscore.evaluate(${asked}) WHERE category IS NULL`));
    expect('evaluates-rules', (await text(manager, 'section >> nth=2 >> tbody th')).join(), sql(`SELECT string_agg(rule, ',') FROM leadscore.evaluate_rules(${asked})`));
    await manager.click('text=Suggest points');
    const suggested = sql(`SELECT string_agg(r ->> 'name' || ':' || (r ->> 'points'), ',' ORDER BY r ->> 'name') FROM leadscore.suggest_points(${asked}) s, jsonb_array_elements(s.config -> 'rules') r
        WHERE (r ->> 'points')::int <> (SELECT points FROM leadscore.rule WHERE tenant IS NULL AND name = r ->> 'name')`);
    expect('suggests', (await manager.locator('section >> nth=1 >> tbody tr').evaluateAll((rows) => rows.map((row) => `${row.children[0].textContent}:${Number(row.children[2].textContent)}`))).join(), suggested);
    await manager.screenshot({ path: join(pictures, 'works-manager.png'), fullPage: true });
    await manager.click('text=Take over >> nth=0');
    await status(manager, 'Taken over');
    expect('taken-over', sql("SELECT becomes ->> 'name' || ':' || (becomes ->> 'points') FROM console.edit"), suggested.split(',')[0]);
    expect('stays-at-the-question', await manager.locator('[name=outcome]').inputValue(), 'vacancy');
    sql('DELETE FROM console.edit');
    quiet('works');
});

await part('mistakes', async () => {
    await manager.goto(`${home}/rules/edit?key=Call`);
    await field(manager, 'Only activities for which').fill('$.minutes');
    await kept(manager);
    await manager.goto(`${home}/preview`);
    expect('mistake-is-told', (await text(manager, 'article[role=alert]')).join().includes('rules[2].filter is not as expected'), true);
    expect('mistake-is-not-published', await manager.locator('text=Publish, and score').count(), 0);
    await manager.click('text=Undo');
    sql(`INSERT INTO console.test (test) VALUES ('{"name": "A call", "person": {"kind": "candidate", "since": "2026-01-01"}, "activities": [{"activity_type": "call", "on": "2026-01-02"}], "expect": [{"on": "2026-01-03", "score": 5}]}')`);
    await manager.goto(`${home}/preview`);
    expect('own-tests-pass', (await text(manager, 'section >> nth=-1'))[0], 'The tests of these rules 1 checks, all as expected.');
    await manager.goto(`${home}/rules/edit?key=Call`);
    await field(manager, 'Points').fill('6');
    await kept(manager);
    await manager.goto(`${home}/preview`);
    expect('own-test-fails', [(await text(manager, 'section li')).at(-1), await manager.locator('text=Publish, and score').count()], ['A call, 3 Jan 2026: 6 cold (expected 5 )'.replace('cold', 'lukewarm'), 0]);
    await manager.click('text=Undo');
    sql('DELETE FROM console.test');
    quiet('mistakes');
});

// ── Nothing typed is lost ────────────────────────────────────────────────────────────────────────────────────

await part('drafts', async () => {
    await manager.goto(`${home}/rules/edit?key=Call`);
    await field(manager, 'Points').fill('6');
    await manager.reload();
    expect('reload-at-once', await field(manager, 'Points').inputValue(), '6');
    await kept(manager);
    const elsewhere = await signIn('sanne', {}, '/rules/edit?key=Call');
    expect('on-another-machine', await field(elsewhere, 'Points').inputValue(), '6');
    await elsewhere.context().close();

    await stop(server);
    await field(manager, 'Points').fill('7');
    await status(manager, 'The server is away');
    server = await serve(port);
    await kept(manager);
    expect('restart-in-the-middle', sql("SELECT becomes ->> 'points' FROM console.edit"), '7');
    await manager.reload();
    expect('session-outlives-a-restart', await field(manager, 'Points').inputValue(), '7');
    noise.splice(0);

    sql('ALTER ROLE console CONNECTION LIMIT 0');
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'console'");
    await field(manager, 'Points').fill('8');
    await status(manager, 'The server is away');
    const other = await manager.context().newPage();
    const response = await other.goto(`${home}/rules`);
    expect('database-away', [response.status(), (await text(other, 'h1'))[0]], [503, 'The database cannot be reached']);
    sql('ALTER ROLE console CONNECTION LIMIT -1');
    await kept(manager);
    await other.click('main a[role=button]');
    await other.locator('h1', { hasText: 'Rules' }).waitFor();
    expect('database-back', await text(other, 'h1'), ['Rules']);
    expect('database-back-keeps', sql("SELECT becomes ->> 'points' FROM console.edit"), '8');
    await other.close();
    noise.splice(0);
});

await part('session', async () => {
    const shortPort = await freePort();
    const short = await serve(shortPort, { CONSOLE_SESSION_SECONDS: '2', CONSOLE_KEY: '' });
    const page = await browser();
    await page.goto(`http://127.0.0.1:${shortPort}/rules/edit?key=E-mail`);
    await enter(page, 'sanne');
    await field(page, 'Points').waitFor();
    await new Promise((passed) => { setTimeout(passed, 2500); });
    await field(page, 'Points').fill('3');
    await status(page, 'Your session is over');
    noise.splice(0);
    await page.reload();
    expect('expired-asks-to-sign-in', new URL(page.url()).pathname, '/sign-in');
    await enter(page, 'sanne');
    expect('typed-outlives-the-session', await field(page, 'Points').inputValue(), '3');
    await kept(page);
    expect('typed-is-sent', edits(), 'sanne:rules:Call, sanne:rules:E-mail');
    await page.context().close();
    await stop(short);
    const forged = await manager.evaluate(async () => (await fetch('/publish', { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json' }, body: '{"seen": 0}' })).status);
    expect('no-token-no-publishing', forged, 401);
    sql('DELETE FROM console.edit');
    noise.splice(0);
});

// ── Two editors ──────────────────────────────────────────────────────────────────────────────────────────────

await part('editors', async () => {
    const second = await signIn('piet', {}, '/rules/edit?key=Call');
    await field(second, 'Points').fill('4');
    await kept(second);
    await manager.goto(`${home}/rules/edit?key=E-mail`);
    await field(manager, 'Points').fill('2');
    await kept(manager);
    await manager.goto(`${home}/preview`);
    expect('own-edits-only', (await text(manager, '.edits b')), ['E-mail']);
    await second.goto(`${home}/preview`);
    await second.click('text=Publish, and score');
    await status(second, 'Published');
    await manager.click('text=Publish, and score');
    expect('second-editor-is-told', (await text(manager, '[role=alert]')), ['the configuration has changed since you looked']);
    expect('nothing-overwritten', sql("SELECT string_agg(points::text, ',' ORDER BY name) FROM leadscore.rule WHERE name IN ('Call', 'E-mail') AND tenant IS NULL"), '4,1');
    noise.splice(0);
    await manager.goto(`${home}/preview`);
    await manager.click('text=Publish, and score');
    await status(manager, 'Published');
    expect('both-hold', sql("SELECT string_agg(points::text, ',' ORDER BY name) FROM leadscore.rule WHERE name IN ('Call', 'E-mail') AND tenant IS NULL"), '4,2');

    for (const [page, points] of [[manager, '8'], [second, '9']]) {
        await page.goto(`${home}/rules/edit?key=Call`);
        await field(page, 'Points').fill(points);
        await kept(page);
    }
    await second.goto(`${home}/preview`);
    await second.click('text=Publish, and score');
    await status(second, 'Published');
    await manager.goto(`${home}/rules`);
    expect('same-rule-is-marked', await text(manager, 'mark'), ['edited', 'changed by somebody else too']);
    await manager.goto(`${home}/preview`);
    expect('same-rule-is-told', [(await text(manager, '.edits [role=alert]')).length, await manager.locator('text=Publish, and score').count()], [1, 0]);
    expect('same-rule-shows-both', [(await text(manager, '.edits del'))[0].slice(0, 8), (await text(manager, '.edits ins'))[0].slice(0, 8)], ['9 points', '8 points']);
    await manager.click('text=Keep mine');
    await manager.click('text=Publish, and score');
    await status(manager, 'Published');
    expect('keeps-mine-knowingly', sql("SELECT points FROM leadscore.rule WHERE name = 'Call' AND tenant IS NULL"), '8');
    expect('history-says-each', sql("SELECT string_agg(account, ',' ORDER BY configuration_change_id) FROM (SELECT * FROM console.publication ORDER BY 1 DESC LIMIT 4) p"), 'piet,sanne,piet,sanne');

    // A page that was open while the other one published.
    await second.goto(`${home}/rules/edit?key=Silence`);
    await field(second, 'Points').waitFor();
    sql("UPDATE leadscore.rule SET points = -11 WHERE name = 'Silence'");
    await field(second, 'Points').fill('-12');
    await kept(second);
    await second.goto(`${home}/preview`);
    expect('old-page-is-told', [(await text(second, '.edits [role=alert]')).length, await second.locator('text=Publish, and score').count()], [1, 0]);
    await second.click('text=Take theirs');
    expect('takes-theirs', [edits(), sql("SELECT points FROM leadscore.rule WHERE name = 'Silence'")], ['none', '-11']);
    await second.context().close();
    quiet('editors');
});

// ── Tenants ──────────────────────────────────────────────────────────────────────────────────────────────────

await part('tenants', async () => {
    const nora = await signIn('nora');
    expect('tenant-sees-its-own', [...new Set((await text(nora, 'tbody th a')).map((name) => name.split(' ')[0]))], ['North']);
    const stranger = sql("SELECT person_id FROM leadscore.person WHERE tenant = 'south' LIMIT 1");
    expect('tenant-stranger-is-not-there', (await nora.goto(`${home}/person/${stranger}`)).status(), 404);
    expect('tenant-stranger-has-no-card', (await nora.goto(`${home}/person/${stranger}/card`)).status(), 422);
    noise.splice(0);
    await nora.goto(`${home}/rules`);
    expect('tenant-common-rules', new Set(await text(nora, '.tag')).size, 1);
    await nora.click('[aria-label="Edit: Call"]');
    await field(nora, 'Points').fill('12');
    await kept(nora);
    await nora.goto(`${home}/preview`);
    expect('tenant-preview', (await text(nora, 'section >> nth=1 >> b'))[0], '6');
    await nora.click('text=Publish, and score');
    await status(nora, 'Published');
    expect('tenant-own-rule', sql("SELECT string_agg(concat(tenant, points), ',' ORDER BY tenant NULLS FIRST) FROM leadscore.rule WHERE name = 'Call'"), '8,north12');
    expect('tenant-scores', sql("SELECT string_agg(DISTINCT tenant || score, ',' ORDER BY tenant || score) FROM leadscore.person WHERE tenant IS NOT NULL"), 'north12,south8');
    await nora.goto(`${home}/health`);
    expect('tenant-sees-no-runs', await text(nora, 'main h2'), []);
    expect('tenant-counts-its-own', (await text(nora, '.tiles b'))[1], '6');
    expect('others-do-not-see-it', (await text(manager, 'body')).join().includes('north'), false);
    for (const path of ['/bands', '/works?outcome=call&horizon=2&from=2026-01-01', '/history', '/preview']) {
        expect(`tenant-${path.match(/\w+/)[0]}`, (await nora.goto(home + path)).status(), 200);
    }
    await nora.context().close();
    // The policies themselves: for all tables with persons in them, as the roles that the server takes.
    const seen = (tenant, what) => sql(`BEGIN; SET LOCAL SESSION AUTHORIZATION console; SET LOCAL app.tenant = '${tenant}'; SET LOCAL ROLE console_set; ${what}; COMMIT`);
    for (const table of ['person', 'activity', 'score_record', 'category_change', 'adjustment', 'person_score', 'due', 'pending', 'person_consent']) {
        expect(`policy-${table}`, seen('north', `SELECT count(*) FROM leadscore.${table} t WHERE (SELECT p.tenant FROM leadscore.person p WHERE p.person_id = t.person_id) IS DISTINCT FROM 'north'`), '0');
    }
    expect('policy-rule', seen('south', 'SELECT count(*) FROM leadscore.rule WHERE tenant IS NOT NULL'), '0');
    expect('policy-common-rule', seen('north', "WITH u AS (UPDATE leadscore.rule SET points = 99 WHERE name = 'Silence' RETURNING 1) SELECT count(*) FROM u"), '0');
    expect('policy-settings', seen('north', "WITH u AS (UPDATE leadscore.settings SET time_zone = 'UTC' RETURNING 1) SELECT count(*) FROM u"), '0');
    const refused = (what) => { try { return execFileSync('psql', ['-X', '-q', '-A', '-t', '-c', what], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }); } catch (error) { return error.stderr.match(/ERROR: {2}(.*)/)[1]; } };
    expect('role-console-reads-nothing', refused('SET SESSION AUTHORIZATION console; SELECT count(*) FROM leadscore.person'), 'permission denied for table person');
    expect('role-of-before-sees-all', refused('SET ROLE console_dashboard; SELECT count(*) FROM leadscore.person').trim(), sql('SELECT count(*) FROM leadscore.person'));
    sql('GRANT SELECT ON leadscore.person TO console_report');
    expect('role-of-later-sees-nothing', refused('SET ROLE console_report; SELECT count(*) FROM leadscore.person').trim(), '0');
    expect('role-look-sets-nothing', refused("SET ROLE console_look; UPDATE leadscore.rule SET points = 1"), 'permission denied for table rule');
    expect('role-look-reads-no-password', refused('SET ROLE console_set; SELECT password FROM console.account'), 'permission denied for table account');
    quiet('tenants');
});

// ── Each page ────────────────────────────────────────────────────────────────────────────────────────────────

const paths = {
    'worklist': '/?owner=', 'person': `/person/${sql("SELECT person_id FROM leadscore.person WHERE external_id = '3' AND kind = 'candidate' AND tenant IS NULL")}`,
    'long-name': `/person/${sql("SELECT person_id FROM leadscore.person WHERE external_id = '4' AND kind = 'candidate' AND tenant IS NULL")}`,
    'rules': '/rules', 'rule': '/rules/edit?key=Call', 'silence': '/rules/edit?key=Silence', 'often': '/rules/edit?key=%2B1&kind=frequency', 'profile': '/rules/edit?key=%2B2&kind=profile',
    'hostile-rule': `/rules/edit?key=${encodeURIComponent('<img src="http://192.0.2.1/x.png" onerror="throw 2">')}`,
    'bands': '/bands', 'works': `/works?outcome=vacancy&horizon=30&kind=contact&suggest=&from=${sql('SELECT current_date - 290')}&until=${sql('SELECT current_date - 30')}`, 'too-few': '/works?outcome=appointment&horizon=20&suggest=', 'preview': '/preview', 'history': '/history', 'health': '/health',
};
// By how much a page is too wide, and what axe finds serious in it and in its frame.
async function look(page) {
    const found = [];
    for (const frame of page.frames()) {
        await frame.evaluate(axe);
        const { violations } = await frame.evaluate(() => window.axe.run(document, { iframes: false, resultTypes: ['violations'] }));
        for (const one of violations) if (['serious', 'critical'].includes(one.impact)) found.push(`${one.id} ${one.nodes[0].target}`);
    }
    return { wide: await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), found };
}
await part('finds', async () => {
    const page = await signIn('marit');
    await page.evaluate(() => { document.querySelector('main').innerHTML = '<img src="data:,"><p class="wide">wide</p>'; document.querySelector('.wide').style.width = '2000px'; });
    const { wide, found } = await look(page);
    expect('finds-what-is-wrong', [wide > 0, found], [true, ['image-alt img']]);
    await page.context().close();
    noise.splice(0);
});

const shown = ['worklist', 'person', 'rules', 'preview', 'works'];
await part('pages', async () => {
    await manager.goto(`${home}/rules/edit?key=Call`);
    await field(manager, 'Points').fill('15');
    await kept(manager);
    for (const [width, colorScheme, language] of [[1280, 'light', 'en'], [390, 'dark', 'nl']]) {
        sql(`UPDATE console.account SET language = '${language}' WHERE account = 'sanne'`);
        const page = await signIn('sanne', { viewport: { width, height: 800 }, colorScheme });
        for (const [name, path] of Object.entries(paths)) {
            await page.goto(home + path);
            if (/edit|bands|person/.test(path)) await page.locator('#form input, .limit, iframe').first().waitFor({ state: 'attached' });
            expect(`${name}-${width}`, { ...(await look(page)), noise: noise.splice(0), language: await page.getAttribute('html', 'lang') }, { wide: 0, found: [], noise: [], language });
            if (shown.includes(name)) await page.screenshot({ path: join(pictures, `${name}-${width}.png`), fullPage: true });
        }
        await page.context().close();
    }
    const none = await manager.goto(`${home}/nothing`);
    expect('no-such-page', [none.status(), (await text(manager, 'h1'))[0]], [404, 'Die pagina is er niet, of is niet voor jou']);
    noise.splice(0);
    await manager.goto(`${home}/rules`);
    expect('hostile-names-are-text', (await text(manager, '.rules b')).filter((name) => name.startsWith('<img')).length, 1);
    await manager.click('text=English');
    expect('language-changes', await text(manager, 'h1'), ['Rules']);
    expect('language-is-kept', sql("SELECT language FROM console.account WHERE account = 'sanne'"), 'en');
    const headers = (await manager.goto(`${home}/rules`)).headers();
    expect('content-security-policy', headers['content-security-policy'].includes("script-src 'self';style-src 'self'") && !headers['content-security-policy'].includes('unsafe'), true);
    await manager.keyboard.press('Tab');
    expect('skip-link', await manager.evaluate(() => document.activeElement.className), 'skip');
    await manager.click('text=Sign out');
    await manager.goto(`${home}/rules`);
    expect('signed-out', new URL(manager.url()).pathname, '/sign-in');
    noise.splice(0);
});

await part('words', async () => {
    const { texts, phrases } = JSON.parse(readFileSync(join(example, 'nl.json'), 'utf8'));
    const sources = [...readdirSync(join(example, 'views')).map((name) => `views/${name}`), 'server.js', 'form.js'].map((name) => readFileSync(join(example, name), 'utf8')).join('\n');
    const said = new Set([...sources.matchAll(/\bt\('([^']+)'/g)].map(([, one]) => one));
    expect('everything-is-in-dutch', [...said].filter((one) => !texts[one]), []);
    expect('nothing-else-is', Object.keys(texts).filter((one) => !['error', 'warning', 'note'].includes(one) && !sources.includes(one)), []);
    // What explain() says is in the engine; each of its phrases without a rule's own words must have a Dutch one.
    const engine = readFileSync(join(root, 'crates/scoring/src/explain.rs'), 'utf8');
    const patterns = Object.keys(phrases).map((one) => new RegExp(`^${one}$`));
    const lacking = [...engine.matchAll(/(?:format!\(|why = |why: )"([a-z][^"]*)"/g)].map(([, one]) => one.replace(/\{[^}]*\}/g, 'X').replace(/^X$/, ''))
        .filter((one) => /^(no longer|newer|counts anew|penalty (due|cleared|excused)|starts|before|no rule|its attr|only|limited)/.test(one))
        .filter((one) => !one.split('; ').every((phrase) => patterns.some((pattern) => pattern.test(phrase))));
    expect('reasons-are-in-dutch', lacking, []);
});

await chrome.close();
for (const one of servers) one.kill();
rmSync(work, { recursive: true });
console.log(`# pictures in .cluster/console-pictures`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
