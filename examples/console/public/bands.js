// Bands over the histogram of scores: limits are dragged, moved by the arrow keys or typed, and the persons counted along.
import { keep, typed } from './keep.js';

const page = document.getElementById('bands');
const { bands: stored, scores, suggested, set, words } = JSON.parse(document.getElementById('data').textContent);
let bands = typed ?? stored;
const limits = () => bands.slice(1).map((band) => band.min_score);
const low = Math.min(0, ...scores.map(([score]) => score), ...limits());
const high = Math.max(10, ...scores.map(([score]) => score), ...limits()) + 1;
const [width, height, bins] = [800, 200, 80];
const across = (score) => ((score - low) / (high - low)) * width;
const bandOf = (score) => bands.findLastIndex((band, nth) => nth === 0 || score >= band.min_score);

const heights = Array(bins).fill(0);
for (const [score, persons] of scores) heights[Math.floor(((score - low) / (high - low)) * bins)] += persons;
// The many who have nothing would flatten the rest.
const scale = (persons) => Math.sqrt(persons / Math.max(...heights, 1)) * (height - 20);

function element(name, attributes = {}, ...children) {
    const made = /^(svg|rect|line|g|text|circle)$/.test(name) ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
        if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
        else if (value !== undefined) made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
}

function move(nth, score) {
    const bound = (other, step) => (bands[other]?.min_score === undefined ? step * -Infinity : bands[other].min_score + step);
    bands[nth].min_score = Math.round(Math.min(Math.max(score, nth > 1 ? bound(nth - 1, 1) : -Infinity), nth + 1 < bands.length ? bound(nth + 1, -1) : Infinity));
    changed();
}
function changed() {
    draw();
    keep(bands);
}

const chart = element('svg', { viewBox: `0 0 ${width} ${height + 20}`, role: 'group', 'aria-label': words['Persons by score'] });
const rows = element('tbody');
page.append(chart, element('table', {}, element('thead', {}, element('tr', {},
    ...['Band', 'From', 'Persons', 'Colour', ''].map((name) => (name ? element('th', { scope: 'col', class: name === 'Persons' ? 'number' : undefined }, words[name]) : element('td'))))), rows));
if (set) {
    page.append(element('button', { class: 'secondary outline', type: 'button', onclick: () => {
        bands.push({ ...bands.at(-1), name: `${words['New band']} ${bands.length + 1}`, min_score: (bands.at(-1).min_score ?? low) + 10 });
        build();
        changed();
    } }, words['Add a band']));
}

function draw() {
    chart.replaceChildren(...heights.map((persons, nth) => {
        const middle = low + ((nth + 0.5) / bins) * (high - low);
        return element('rect', { x: (nth * width) / bins + 1, width: width / bins - 2, y: height - scale(persons), height: scale(persons), fill: bands[bandOf(middle)].color ?? '#888' });
    }), ...handles);
    bands.slice(1).forEach((band, index) => {
        const x = Math.min(Math.max(across(band.min_score), 0), width);
        handles[index].setAttribute('transform', `translate(${x} 0)`);
        handles[index].setAttribute('aria-valuenow', band.min_score);
        handles[index].setAttribute('aria-label', `${band.name}: ${words.From}`);
        handles[index].lastChild.textContent = band.min_score;
        const input = rows.children[index + 1].querySelector('input[type=number]');
        if (document.activeElement !== input) input.value = band.min_score;
    });
    const counts = Array(bands.length).fill(0);
    for (const [score, persons] of scores) counts[bandOf(score)] += persons;
    counts.forEach((count, nth) => { rows.children[nth].querySelector('.number').textContent = count.toLocaleString(document.documentElement.lang); });
}

let handles;
function build() {
    handles = bands.slice(1).map((band, index) => element('g', {
        class: 'limit', role: 'slider', tabindex: set ? 0 : -1, 'aria-valuemin': Math.floor(low), 'aria-valuemax': Math.ceil(high), 'aria-disabled': !set,
        onkeydown: (event) => {
            const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[event.key];
            if (!step || !set) return;
            event.preventDefault();
            move(index + 1, bands[index + 1].min_score + step);
        },
        onpointerdown: (event) => { if (set) event.currentTarget.setPointerCapture(event.pointerId); },
        onpointermove: (event) => {
            if (!set || !event.currentTarget.hasPointerCapture(event.pointerId)) return;
            const box = chart.getBoundingClientRect();
            move(index + 1, low + ((event.clientX - box.left) / box.width) * (high - low));
        },
    }, element('rect', { x: -12, width: 24, height, fill: 'transparent' }), element('line', { y1: 0, y2: height }), element('circle', { cy: 10, r: 7 }), element('text', { y: height + 16 })));
    rows.replaceChildren(...bands.map((band, nth) => element('tr', {},
        element('td', {}, field('text', band.name, words.Band, (value) => { band.name = value; changed(); })),
        element('td', {}, nth === 0 ? words['the lowest'] : field('number', band.min_score, `${band.name}: ${words.From}`, (value) => { if (value !== '') move(nth, Number(value)); })),
        element('td', { class: 'number' }),
        element('td', {}, field('color', band.color ?? '#888888', `${band.name}: ${words.Colour}`, (value) => { band.color = value; changed(); })),
        element('td', {}, ...(set && nth > 0 ? [element('button', { type: 'button', class: 'secondary outline', 'aria-label': `${words.Remove}: ${band.name}`, onclick: () => {
            bands.splice(nth, 1);
            build();
            changed();
        } }, '×')] : [])))));
}
// Typed numbers move when they are done, so that 75 is not first 7.
function field(type, value, label, take) {
    const input = element('input', { type, value, 'aria-label': label, disabled: set ? undefined : '' });
    input.addEventListener(type === 'number' ? 'change' : 'input', () => take(input.value));
    return input;
}
build();
draw();
document.getElementById('use')?.addEventListener('click', () => {
    const limit = (band) => suggested.find((one) => one.category === band.name)?.min_score;
    // No limit: no band would hold so few.
    bands = bands.filter((band, nth) => nth === 0 || Number.isInteger(limit(band))).map((band, nth) => (nth === 0 ? band : { ...band, min_score: limit(band) }));
    build();
    changed();
});
