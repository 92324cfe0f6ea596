// The form of a rule: the schema that leadscore.config_schema() gives, in the order in which people think, with titles, and
// with what there is to choose from. A column that a later version adds comes last, under its own name.

// What has no meaning for a kind; the rest is shown.
const without = {
    activity: ['inactive_for', 'repeat_every', 'max_repeats', 'excused_by_planned', 'at_least', 'within'],
    inactivity: ['decay', 'half_life', 'max_per_day', 'max_counted', 'at_least', 'within'],
    frequency: ['relevant_for', 'decay', 'half_life', 'max_per_day', 'max_counted', 'inactive_for', 'repeat_every', 'max_repeats', 'excused_by_planned'],
    profile: ['activity_types', 'condition', 'filter', 'max_per_day', 'max_counted', 'inactive_for', 'repeat_every', 'max_repeats',
        'excused_by_planned', 'at_least', 'within'],
};
// A condition is kept as it is: a filter says the same and more.
const always = ['kind', 'condition'];

const titles = {
    name: 'Name', points: 'Points', activity_types: 'For which activities', at_least: 'At least so many', within: 'Within',
    inactive_for: 'After so long without them', repeat_every: 'And again after each', max_repeats: 'At most so many times',
    excused_by_planned: 'Not when something is planned already', person_kinds: 'For which kind of person', statuses: 'With which status',
    relevant_for: 'Counts for', decay: 'Loses its worth', half_life: 'Half its worth after each', max_per_day: 'At most so many a day',
    max_counted: 'At most so many at a time', scorecard: 'Scorecard', effective_from: 'Only from this day on',
    filter: 'Only activities for which', person_filter: 'Only persons for whom', enabled: 'Switched on',
};
const hints = {
    points: 'Below 0 takes points away.', activity_types: 'None chosen: all activities.', person_kinds: 'None chosen: everybody.', statuses: 'None chosen: any status.',
    relevant_for: 'Empty: for ever.', repeat_every: 'Empty: once.', max_repeats: 'Empty: no limit.', max_per_day: 'Empty: no limit.', max_counted: 'Empty: no limit.',
    filter: 'A comparison of its details, such as $.minutes >= 10', person_filter: 'A comparison of what is known of them, such as $.weeks_notice <= 4',
};
const decays = { none: 'Not at all', linear: 'Evenly, until it no longer counts', halving: 'By half, again and again' };

export function ruleForm(there, rule, { t }) {
    const { $defs: defs } = there.schema;
    const fields = Object.keys(defs.Rule.properties).filter((name) => !always.includes(name) && !without[rule.kind].includes(name));
    const known = Object.keys(titles);
    fields.sort((a, b) => (known.indexOf(a) + 1 || 99) - (known.indexOf(b) + 1 || 99));
    const choices = { activity_types: there.activity_types, person_kinds: there.person_kinds, statuses: there.statuses };
    const field = (name) => {
        const hint = name === 'relevant_for' && rule.kind === 'inactivity' ? 'Empty: until there is activity again.' : hints[name] ?? '';
        const told = { title: t(titles[name] ?? name), description: t(hint) };
        const { anyOf, type, ...plain } = defs.Rule.properties[name];
        const reference = anyOf?.find((one) => one.$ref)?.$ref.split('/').pop();
        const optional = Array.isArray(type);
        // What a rule has stays to be chosen, though nobody has it any more.
        if (choices[name]) {
            const options = [...new Set([...(choices[name] ?? []), ...(rule[name] ?? [])])];
            return { ...told, type: 'array', uniqueItems: true, items: { type: 'string', enum: options, 'x-enumTitles': options } };
        }
        if (name === 'scorecard') return { ...told, type: 'string', enum: there.scorecards };
        if (name === 'decay') return { ...told, type: 'string', enum: Object.keys(decays), 'x-enumTitles': Object.values(decays).map(t) };
        if (reference === 'Interval') return { ...told, type: 'string', 'x-format': 'length' };
        if (reference === 'Day') return { ...told, type: 'string', 'x-format': 'date' };
        if (optional && type[0] === 'integer') return { ...told, type, 'x-format': 'number-nullable' };
        if (optional && type[0] === 'boolean') return { ...told, type: 'boolean', 'x-format': 'checkbox', default: plain.default ?? false };
        return { ...told, type: optional ? type[0] : type, ...(name === 'name' ? { minLength: 1 } : {}) };
    };
    return { type: 'object', title: t('Rule'), 'x-titleHidden': true, properties: Object.fromEntries(fields.map((name) => [name, field(name)])) };
}
