-- Score records: what each rule gives for each activity or period without any.
-- Stored are the records that count or will count; what no longer counts is derived again
-- from the activities when somebody asks.
CREATE TABLE leadscore.score_record (
    person_id     bigint NOT NULL,
    activity_id   bigint,
    rule_id       int,
    points        int NOT NULL,
    counts_from   date NOT NULL,
    counts_until  date,
    decays_until  date,
    adjustment_id bigint,
    kind          "char" NOT NULL DEFAULT 'a',
    half_life     interval,
    scorecard     text
);
-- There is no primary key, since a penalty has no activity: published tables need this.
ALTER TABLE leadscore.score_record REPLICA IDENTITY FULL;
CREATE INDEX score_record_person_idx ON leadscore.score_record (person_id, activity_id);
CREATE INDEX score_record_until_idx ON leadscore.score_record (counts_until) WHERE counts_until IS NOT NULL;
CREATE INDEX score_record_decay_idx ON leadscore.score_record (person_id) WHERE decays_until IS NOT NULL;
SELECT pg_catalog.pg_extension_config_dump('leadscore.score_record', '');
COMMENT ON TABLE leadscore.score_record IS 'Points of one rule for one activity, one penalty or one manual adjustment, with the days on which they count';
COMMENT ON COLUMN leadscore.score_record.person_id IS 'The person';
COMMENT ON COLUMN leadscore.score_record.activity_id IS 'The activity; NULL for a penalty or an adjustment';
COMMENT ON COLUMN leadscore.score_record.rule_id IS 'The rule; NULL for a manual adjustment';
COMMENT ON COLUMN leadscore.score_record.points IS 'Full points of the record; what a decaying one is worth on a day follows from decays_until';
COMMENT ON COLUMN leadscore.score_record.counts_from IS 'The first day on which it counts';
COMMENT ON COLUMN leadscore.score_record.counts_until IS 'The day on which it no longer counts; NULL: it counts for ever';
COMMENT ON COLUMN leadscore.score_record.decays_until IS 'The day on which a linearly decaying record reaches 0; NULL: it does not decay';
COMMENT ON COLUMN leadscore.score_record.adjustment_id IS 'The manual adjustment; NULL for what a rule gave';
COMMENT ON COLUMN leadscore.score_record.kind IS 'What it is: a, of an activity; i, a penalty for inactivity; f, of a frequency rule; p, of a profile rule; m, a manual adjustment';
COMMENT ON COLUMN leadscore.score_record.half_life IS 'The time after which it is worth half, again and again; NULL: it does not';
COMMENT ON COLUMN leadscore.score_record.scorecard IS 'The scorecard that its points belong to; NULL: main';

-- When the night must look at a person again for another reason than an expiry: a penalty
-- falls due, a future record starts. The day is a lower bound: activity leaves it stale and
-- the night pushes it forward, so an activity writes no indexed column.
CREATE TABLE leadscore.due (
    person_id bigint PRIMARY KEY,
    due_on    date NOT NULL
);
CREATE INDEX due_due_on_idx ON leadscore.due (due_on);
SELECT pg_catalog.pg_extension_config_dump('leadscore.due', '');
COMMENT ON TABLE leadscore.due IS 'The earliest day on which a penalty or the start of a record can change a person''s score';
COMMENT ON COLUMN leadscore.due.person_id IS 'The person';
COMMENT ON COLUMN leadscore.due.due_on IS 'Nothing but expiry and decay changes the score before this day';
