// English and Dutch. English stands in the pages; nl.json has the Dutch for each text, and for the phrases that the database says.
import { readFileSync } from 'node:fs';

const { texts, phrases } = JSON.parse(readFileSync(new URL('nl.json', import.meta.url)));
const patterns = Object.entries(phrases).map(([english, dutch]) => [new RegExp(`^${english}$`), dutch]);

export function speaking(language) {
    const dutch = language === 'nl';
    const inLanguage = (style) => new Intl.DateTimeFormat(dutch ? 'nl' : 'en-GB', { timeZone: 'UTC', ...style });
    const day = inLanguage({ day: 'numeric', month: 'short', year: 'numeric' });
    const moment = inLanguage({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
    const number = new Intl.NumberFormat(dutch ? 'nl' : 'en');
    return {
        language,
        t: (text) => (dutch && texts[text]) || text,
        // What the database says in English, one thing or several: "counts until 2026-12-01; rule of tenant south".
        said: (words) => words?.split('; ').map((phrase) => {
            const [pattern, meaning] = (dutch && patterns.find(([p]) => p.test(phrase))) || [];
            return pattern ? phrase.replace(pattern, meaning) : phrase;
        }).join('; ').replace(/\b\d{4}-\d\d-\d\d\b/g, (iso) => day.format(new Date(iso))),
        // Both come in the time zone of the business.
        day: (value) => (value ? day.format(new Date(value.slice(0, 10))) : ''),
        moment: (value) => (value ? moment.format(new Date(`${value.slice(0, 16)}Z`)) : ''),
        number: (value) => (value === null || value === undefined ? '' : number.format(value)),
        signed: (value) => (value > 0 ? '+' : '') + number.format(value),
        percent: (value) => (value === null || value === undefined ? '' : `${number.format(Math.round(value * 1000) / 10)} %`),
    };
}
