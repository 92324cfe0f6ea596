-- Scorecards: the scores that a person has. main is the one of person.score; the others stand in person_score.
CREATE TABLE leadscore.scorecard (
    scorecard   text PRIMARY KEY CHECK (scorecard <> ''),
    part_of     text,
    min_score   bigint,
    max_score   bigint,
    description text,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO leadscore.scorecard (scorecard) VALUES ('main');
-- The install script puts the row main into the table, and a dump brings its own, which is older than the transaction
-- that restores it: the same row of the same name twice is otherwise refused.
CREATE FUNCTION leadscore._replace_main() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.recorded_at <> now() THEN
        DELETE FROM leadscore.scorecard c WHERE c.scorecard = 'main';
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION leadscore._replace_main() FROM PUBLIC;
COMMENT ON FUNCTION leadscore._replace_main() IS 'Trigger: the row main of a dump takes the place of the one that is there';
CREATE TRIGGER replace_main BEFORE INSERT ON leadscore.scorecard
    FOR EACH ROW WHEN (NEW.scorecard = 'main') EXECUTE FUNCTION leadscore._replace_main();
SELECT pg_catalog.pg_extension_config_dump('leadscore.scorecard', '');
COMMENT ON TABLE leadscore.scorecard IS 'Scorecards: scores of their own, or limited parts of others; an edit takes effect at the next leadscore_recompute()';
COMMENT ON COLUMN leadscore.scorecard.scorecard IS 'What rules, categories and adjustments call it; main is always there';
COMMENT ON COLUMN leadscore.scorecard.part_of IS 'The scorecard to whose score its own is added; NULL: none';
COMMENT ON COLUMN leadscore.scorecard.min_score IS 'Its score is not below this, in points; NULL: no limit';
COMMENT ON COLUMN leadscore.scorecard.max_score IS 'Its score is not above this, in points; NULL: no limit';
COMMENT ON COLUMN leadscore.scorecard.description IS 'What it says of a person, for people';
COMMENT ON COLUMN leadscore.scorecard.recorded_at IS 'When the row was inserted';

-- Scores other than main's.
CREATE TABLE leadscore.person_score (
    person_id bigint NOT NULL,
    scorecard text NOT NULL,
    score     bigint NOT NULL DEFAULT 0,
    category  text,
    PRIMARY KEY (person_id, scorecard)
) WITH (fillfactor = 80);
SELECT pg_catalog.pg_extension_config_dump('leadscore.person_score', '');
COMMENT ON TABLE leadscore.person_score IS 'The score of each person on each scorecard other than main, which person.score has; written by leadscore alone';
COMMENT ON COLUMN leadscore.person_score.person_id IS 'The person';
COMMENT ON COLUMN leadscore.person_score.scorecard IS 'The scorecard';
COMMENT ON COLUMN leadscore.person_score.score IS 'Points';
COMMENT ON COLUMN leadscore.person_score.category IS 'The name of the band in which the score falls; NULL where there are no categories';
