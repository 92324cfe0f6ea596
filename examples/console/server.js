// The console: pages over leadscore's SQL functions. Each answer is one call, as a role that may do just that (database.js).
//
//   PORT, HOST               where it listens: 127.0.0.1:8150 unless said otherwise
//   CONSOLE_KEY              a file of 32 random bytes that sessions are sealed with: sessions outlive a restart
//   CONSOLE_SESSION_SECONDS  how long one lasts without a request, 8 hours unless said otherwise
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import csrf from '@fastify/csrf-protection';
import formbody from '@fastify/formbody';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import session from '@fastify/secure-session';
import files from '@fastify/static';
import { hash, verify } from '@node-rs/argon2';
import { Eta } from 'eta';
import fastify from 'fastify';
import { SignedOut, ask, isAway, passwordOf, speak } from './database.js';
import { ruleForm } from './form.js';
import { speaking } from './words.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const eta = new Eta({ views: here('views'), cache: true });
const app = fastify({ logger: { level: 'error' }, trustProxy: 'loopback', bodyLimit: 256 * 1024, forceCloseConnections: true });
const seconds = Number(process.env.CONSOLE_SESSION_SECONDS ?? 8 * 3600);
const nobody = await hash(randomBytes(16).toString('hex'));

await app.register(helmet, {
    contentSecurityPolicy: {
        useDefaults: false,
        directives: { defaultSrc: ["'none'"], scriptSrc: ["'self'"], styleSrc: ["'self'"], imgSrc: ["'self'", 'data:'], connectSrc: ["'self'"],
            frameSrc: ["'self'"], formAction: ["'self'"], frameAncestors: ["'none'"], baseUri: ["'none'"] },
    },
    referrerPolicy: { policy: 'same-origin' },
    strictTransportSecurity: false, // For who terminates TLS to say.
});
await app.register(formbody);
await app.register(rateLimit, { global: false });
await app.register(session, {
    key: process.env.CONSOLE_KEY ? readFileSync(process.env.CONSOLE_KEY) : randomBytes(32),
    cookieName: 'console', expiry: seconds, cookie: { path: '/', httpOnly: true, sameSite: 'lax', secure: 'auto', maxAge: seconds },
});
await app.register(csrf, { sessionPlugin: '@fastify/secure-session', getToken: (request) => request.body?._csrf });
await app.register(files, { root: here('public'), prefix: '/static/' });
for (const library of ['@picocss/pico/css', 'jedison/dist/esm']) {
    await app.register(files, { root: here(`node_modules/${library}`), prefix: `/npm/${library.split('/dist')[0]}/`, decorateReply: false });
}

// ── What every page has ──────────────────────────────────────────────────────────────────────────────────────

app.decorateRequest('account', null);
app.decorateRequest('ask', async function call(statement, parameters) {
    const { account, answer } = await ask(this.session.get('account'), statement, parameters);
    this.account = account;
    return answer;
});
app.decorateReply('page', function page(view, data = {}) {
    const { request } = this;
    const language = request.account?.language ?? (/^nl/i.test(request.headers['accept-language'] ?? '') ? 'nl' : 'en');
    const told = request.session.get('told');
    if (told) request.session.set('told', undefined);
    return this.type('text/html; charset=utf-8').header('cache-control', 'no-store').send(eta.render(view, {
        ...speaking(language), account: request.account, path: request.url.split('?')[0], query: request.query, csrf: this.generateCsrf(), told, ...data,
    }));
});
// Back to a page, which says what was done.
app.decorateReply('back', function back(path, told) {
    this.request.session.set('told', told);
    return this.redirect(path, 303);
});

const wantsJson = (request) => request.headers.accept === 'application/json';

app.addHook('preHandler', async (request, reply) => {
    if (/^\/(static|npm)\//.test(request.url)) return;
    if (request.method === 'POST') await new Promise((done, failed) => { app.csrfProtection(request, reply, (error) => (error ? failed(error) : done())); });
    if (request.routeOptions.config.open || request.session.get('account')) {
        request.session.touch();
    } else {
        throw new SignedOut();
    }
});

app.setErrorHandler((error, request, reply) => {
    const signedOut = error instanceof SignedOut || error.code?.startsWith('FST_CSRF');
    const away = !signedOut && isAway(error);
    // What PostgreSQL refuses is told in its own words; everything else is the server's fault and goes to the log.
    const refused = !away && error.severity !== undefined;
    const status = signedOut ? 401 : away ? 503 : refused ? 422 : error.statusCode ?? 500;
    if (status === 500) request.log.error(error);
    request.account ??= error.account;
    reply.code(status);
    const { message, detail, hint } = refused || status === 429 ? error : {};
    if (wantsJson(request)) return reply.send({ signedOut, away, message, detail, hint });
    if (signedOut) {
        if (request.session.get('account') && error instanceof SignedOut) request.session.delete();
        return reply.redirect(`/sign-in?next=${encodeURIComponent(request.method === 'GET' ? request.url : fromHere(request))}`, 303);
    }
    return reply.page('error', { away, message, detail, hint });
});
const missing = async (request, reply) => {
    if (!request.account) await request.ask('SELECT 1');
    return reply.code(404).page('error', { missing: true });
};
app.setNotFoundHandler(missing);

// ── Signing in ───────────────────────────────────────────────────────────────────────────────────────────────

const open = { config: { open: true } };
// Only to a page of the console; fromHere is the page from which a form came.
const inside = (path) => (/^\/(?![/\\])/.test(path ?? '') && !path.startsWith('/sign-') ? path : '/');

const fromHere = (request) => inside(request.headers.referer?.replace(/^https?:\/\/[^/]+/, ''));

app.get('/sign-in', open, (request, reply) => reply.page('sign-in', { next: inside(request.query.next) }));
app.post('/sign-in', { config: { open: true, rateLimit: { max: 20, timeWindow: '1 minute' } } }, async (request, reply) => {
    const { name = '', password = '', next } = request.body;
    // As long for a name that there is not.
    const known = await passwordOf(name);
    if (!(await verify(known ?? nobody, password)) || !known) return reply.code(401).page('sign-in', { next: inside(next), name, wrong: true });
    request.session.regenerate();
    request.session.set('account', name);
    return reply.redirect(inside(next), 303);
});
app.post('/sign-out', async (request, reply) => {
    request.session.delete();
    return reply.redirect('/sign-in', 303);
});
app.post('/language', async (request, reply) => {
    await speak(request.session.get('account'), request.body.language);
    return reply.redirect(fromHere(request), 303);
});

// ── The list and the person ──────────────────────────────────────────────────────────────────────────────────

app.get('/', async (request, reply) => {
    const { owner, kind, category, search, most = 25 } = request.query;
    // Unless asked otherwise, it is the list of who looks.
    const list = await request.ask('SELECT console.worklist($1, $2, $3, $4, $5)', (account) => [
        (owner ?? account.owner) || null, kind || null, category || null, search || null, Math.min(Number(most) || 25, 1000)]);
    return reply.page('worklist', { ...list, whose: owner ?? request.account.owner, most: Number(most) || 25 });
});

app.get('/person/:id', async (request, reply) => {
    const { scorecard = 'main' } = request.query;
    const answer = await request.ask('SELECT console.person($1, $2)', [request.params.id, scorecard]);
    return answer ? reply.page('person', { ...answer, scorecard }) : missing(request, reply);
});
// The card is a page of its own, with its styles in it and no script.
app.get('/person/:id/card', async (request, reply) => {
    const { scorecard = 'main', language = 'en' } = request.query;
    const card = await request.ask('SELECT leadscore.person_card($1, $2, $3)', [request.params.id, language, scorecard]);
    return reply.type('text/html; charset=utf-8').header('x-frame-options', 'SAMEORIGIN')
        .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'").send(card);
});
app.post('/person/:id/adjust', async (request, reply) => {
    const { points, reason, until, scorecard } = request.body;
    await request.ask('SELECT console.adjust($1, $2, $3, $4, $5)', [request.params.id, points, reason, until || null, scorecard]);
    return reply.back(`/person/${request.params.id}?scorecard=${encodeURIComponent(scorecard)}`, 'Adjusted.');
});
app.post('/person/:id/unadjust', async (request, reply) => {
    await request.ask('SELECT console.unadjust($1)', [request.body.adjustment]);
    return reply.back(`/person/${request.params.id}`, 'Taken back.');
});

// ── Rules and bands ──────────────────────────────────────────────────────────────────────────────────────────

app.get('/rules', async (request, reply) => reply.page('rules', await request.ask('SELECT console.rules()')));
app.get('/rules/new', async (request, reply) => reply.redirect(`/rules/edit?key=${encodeURIComponent(`+${Date.now()}`)}&kind=${encodeURIComponent(request.query.kind)}`));
app.get('/rules/edit', async (request, reply) => {
    const { key, kind = 'activity' } = request.query;
    const there = await request.ask('SELECT console.rule($1)', [key]);
    const rule = there.rule ?? { kind, name: '', points: kind === 'inactivity' ? -10 : 10, enabled: true, scorecard: 'main' };
    return reply.page('rule', { key, there, rule, form: ruleForm(there, rule, speaking(request.account.language)) });
});
// While somebody types; the answer says what the item is now, in words.
app.post('/edit', (request) => {
    const { section, key, value, was } = request.body;
    return request.ask('SELECT console.keep($1, $2, $3, $4)', [section, key, JSON.stringify(value), was && JSON.stringify(was)]);
});
app.post('/rules/switch', async (request, reply) => {
    await request.ask('SELECT console.switch($1)', [request.body.key]);
    return reply.redirect('/rules', 303);
});
app.post('/rules/remove', async (request, reply) => {
    await request.ask('SELECT console.change($1, $2, NULL)', ['rules', request.body.key]);
    return reply.redirect('/rules', 303);
});

app.get('/bands', async (request, reply) => {
    const { key = 'main', room } = request.query;
    // An empty one is a band without anybody.
    const rooms = room === undefined ? null : [room].flat().map(Number);
    return reply.page('bands', { key, rooms, ...(await request.ask('SELECT console.bands($1, $2)', [key, rooms])) });
});

// ── What edits would do, and publishing ──────────────────────────────────────────────────────────────────────

app.get('/preview', async (request, reply) => {
    const edits = await request.ask('SELECT console.edits()');
    const would = await request.ask('SELECT console.preview()').catch((error) => {
        if (!error.severity || isAway(error)) throw error;
        return { problem: error };
    });
    return reply.page('preview', { edits, ...would });
});
app.post('/edits/:what', async (request, reply) => {
    const { section, key } = request.body;
    await request.ask(request.params.what === 'insist' ? 'SELECT console.insist($1, $2)' : 'SELECT console.undo($1, $2)', [section, key]);
    return reply.redirect('/preview', 303);
});
app.post('/publish', async (request, reply) => {
    await request.ask('SELECT console.publish($1)', [request.body.seen]);
    await request.ask('SELECT to_jsonb(r) FROM leadscore_recompute() r');
    return reply.back('/history', 'Published, and everybody is scored by it.');
});

app.get('/works', async (request, reply) => {
    const { outcome, horizon, from, until, kind, suggest } = request.query;
    const asked = [outcome || null, horizon ? `${Number(horizon) || 0} days` : null, from || null, until || null, kind || null];
    const works = (better) => request.ask('SELECT console.works($1, $2, $3, $4, $5, $6)', [...asked, better]);
    // From few cases no points are learned; what the score did can be said all the same.
    const answer = await works(suggest !== undefined).catch(async (error) => {
        if (suggest === undefined || isAway(error)) throw error;
        return { ...(await works(false)), problem: error };
    });
    return reply.page('works', answer);
});
app.post('/works', async (request, reply) => {
    await request.ask('SELECT console.take_over($1, $2)', [request.body.rule, request.body.points]);
    return reply.back(fromHere(request), 'Taken over among your edits.');
});

app.get('/history', async (request, reply) => reply.page('history', { changes: await request.ask('SELECT console.history()') }));
app.post('/history/back', async (request, reply) => {
    await request.ask('SELECT console.back($1)', [request.body.change]);
    return reply.redirect('/preview', 303);
});

app.get('/health', async (request, reply) => reply.page('health', await request.ask('SELECT console.health()')));

await app.listen({ host: process.env.HOST ?? '127.0.0.1', port: Number(process.env.PORT ?? 8150) });
console.log(`console: http://${process.env.HOST ?? '127.0.0.1'}:${app.server.address().port}`);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => app.close().then(() => process.exit(0)));
