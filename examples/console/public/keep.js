// Keeps an edit: at once in this browser, a moment later in the account's edits at the server. What cannot be sent, as the
// server is away or the session over, is sent when the page is open again.
const page = document.querySelector('[data-keep]');
const { section, key, csrf, kept, waits, ended } = page.dataset;
const status = document.querySelector('[role=status]');
const place = `console ${page.dataset.account} ${section} ${key}`;
let timer;

// What was typed and not sent, and what the item was when this page, or the one that it was typed in, was opened.
const left = JSON.parse(localStorage.getItem(place));
const was = left?.was ?? JSON.parse(document.getElementById('data').textContent).was;
export const typed = left?.value;

async function send() {
    const text = localStorage.getItem(place);
    if (!text) return;
    const answer = await fetch('/edit', {
        method: 'POST', keepalive: true, headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ _csrf: csrf, section, key, ...JSON.parse(text) }),
    }).then((response) => response.json(), () => ({ away: true }));
    if (answer.edits !== undefined) {
        if (localStorage.getItem(place) === text) localStorage.removeItem(place);
        status.textContent = kept;
        const words = document.getElementById('words');
        if (words) words.textContent = answer.words;
        for (const count of document.querySelectorAll('.count')) count.textContent = answer.edits || '';
    } else {
        status.textContent = answer.message ?? (answer.signedOut ? ended : waits);
        if (!answer.message && !answer.signedOut) timer = setTimeout(send, 2000);
    }
}

export function keep(value) {
    localStorage.setItem(place, JSON.stringify({ value, was }));
    clearTimeout(timer);
    timer = setTimeout(send, 300);
}
addEventListener('pagehide', send);
if (typed) send();
