// The database, asked as the account that has signed in: each call is a transaction with that account's role and tenant.
import pg from 'pg';

// Where the database is says the environment: PGHOST, PGDATABASE and so on.
const pool = new pg.Pool({ user: process.env.PGUSER ?? 'console', max: 10, connectionTimeoutMillis: 5000 });
pool.on('error', () => {}); // An idle connection that ends: the next call says so, if it matters.

const ENTER = `
    SELECT a.account, a.tenant, a.owner, a.may_set, a.language, (SELECT count(*)::int FROM console.edit e WHERE e.account = a.account) AS edits,
           set_config('TimeZone', s.time_zone, true), set_config('app.language', a.language, true),
           set_config('app.account', a.account, true), set_config('app.tenant', coalesce(a.tenant, ''), true),
           set_config('role', CASE WHEN a.may_set THEN 'console_set' ELSE 'console_look' END, true)
    FROM console.account a, leadscore.settings s WHERE a.account = $1`;

export class SignedOut extends Error {}

// The account as it is now, and the one value that the statement gives; parameters can depend on the account.
export async function ask(name, statement, parameters = []) {
    const client = await pool.connect();
    let account;
    let broken;
    try {
        await client.query('BEGIN');
        ({ rows: [account] } = await client.query(ENTER, [name]));
        if (!account) throw new SignedOut();
        const { rows: [row] } = await client.query(statement, typeof parameters === 'function' ? parameters(account) : parameters);
        await client.query('COMMIT');
        return { account, answer: row && Object.values(row)[0] };
    } catch (error) {
        await client.query('ROLLBACK').catch(() => { broken = error; });
        throw Object.assign(error, { account });
    } finally {
        client.release(broken);
    }
}

export async function passwordOf(name) {
    const { rows: [row] } = await pool.query('SELECT password FROM console.account WHERE account = $1', [name]);
    return row?.password;
}

export async function speak(name, language) {
    await pool.query('UPDATE console.account SET language = $2 WHERE account = $1', [name, language]);
}

// Whether an error says that the database is away, rather than what it thinks of the call.
export const isAway = (error) => !/^[0-9A-Z]{5}$/.test(error.code ?? '') ? /^E[A-Z]+$|terminated|timeout/i.test(error.code ?? error.message)
    : /^(08|57P|53)/.test(error.code);
