// The form of a rule, made by Jedison from its schema.
import Jedison from '/npm/jedison/jedison.js';
import { keep, typed } from './keep.js';

const page = document.querySelector('[data-keep]');
const { schema, rule, units, messages } = JSON.parse(document.getElementById('data').textContent);

// A length of time is a number and a unit.
class Length extends Jedison.EditorStringInput {
    static resolves = (one) => one['x-format'] === 'length';

    build() {
        super.build();
        const { input, labelText } = this.control;
        Object.assign(input, { type: 'number', min: 1, step: 1 });
        this.unit = document.createElement('select');
        this.unit.setAttribute('aria-label', `${labelText.textContent}: ${page.dataset.unit}`);
        for (const [value, name] of Object.entries(units)) this.unit.append(new Option(name, value));
        const both = document.createElement('div');
        both.className = 'length';
        input.replaceWith(both);
        both.append(input, this.unit);
    }

    addEventListeners() {
        const changed = () => this.instance.setValue(this.control.input.value && `${this.control.input.value} ${this.unit.value}`, true, 'user');
        this.control.input.addEventListener('input', changed);
        this.unit.addEventListener('change', changed);
    }

    refreshUI() {
        this.refreshDisabledState();
        const [, number = '', unit = 'day'] = /^(\d+) (day|week|month|year)/.exec(this.instance.getValue()) ?? [];
        this.control.input.value = number;
        if (number) this.unit.value = `${unit}s`;
    }
}

const empty = ({ type }) => (Array.isArray(type) ? null : { array: [], boolean: false, integer: 0 }[type] ?? '');
// A form has a value for each field; what is empty is not there.
const whole = (value) => Object.fromEntries(Object.entries({ ...rule, ...value }).filter(([, one]) => one !== '' && one !== null && one?.length !== 0));

const form = new Jedison.Create({
    container: document.getElementById('form'), theme: new Jedison.Theme(), schema, customEditors: [Length], language: document.documentElement.lang,
    data: Object.fromEntries(Object.entries(schema.properties).map(([name, one]) => [name, (typed ?? rule)[name] ?? empty(one)])),
    card: false, objectAdd: false, showErrors: 'input', translations: messages,
});
// Only what halves has a half-life.
const fit = () => {
    const half = form.getInstance('#/half_life');
    if (half) half.ui.control.container.hidden = form.getInstance('#/decay').getValue() !== 'halving';
};
form.on('change', (initiator) => {
    fit();
    if (initiator === 'user') keep(whole(form.getValue()));
});
fit();
