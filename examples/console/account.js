// Adds an account, or gives it another password:   npm run account -- NAME [--set] [--tenant T] [--owner O] [--language nl]
// The password is the first line of standard input. PGUSER is somebody who may write console.account.
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { hash } from '@node-rs/argon2';
import pg from 'pg';

const { values, positionals: [name] } = parseArgs({
    allowPositionals: true,
    options: { set: { type: 'boolean', default: false }, tenant: { type: 'string' }, owner: { type: 'string' }, language: { type: 'string', default: 'en' } },
});
const lines = createInterface({ input: process.stdin });
const password = (await lines[Symbol.asyncIterator]().next()).value;
lines.close();
if (!name || !password) throw new Error('usage: npm run account -- NAME [--set] [--tenant T] [--owner O] [--language nl], with the password on standard input');
const client = new pg.Client();
await client.connect();
await client.query(
    `INSERT INTO console.account (account, password, tenant, owner, may_set, language) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (account) DO UPDATE SET (password, tenant, owner, may_set, language) = ROW (excluded.password, excluded.tenant, excluded.owner, excluded.may_set, excluded.language)`,
    [name, await hash(password), values.tenant, values.owner, values.set, values.language]);
await client.end();
