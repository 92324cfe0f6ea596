-- The purchase log as it is, and what each month's run made of the customers.
-- The log has days but no times of day: every purchase is put at noon.

CREATE SCHEMA cdnow;

CREATE TABLE cdnow.purchase (
    line         int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer     int NOT NULL,
    purchased_on date NOT NULL,
    cds          int NOT NULL,
    dollars      numeric(8, 2) NOT NULL
);
CREATE INDEX ON cdnow.purchase (customer, purchased_on);
CREATE INDEX ON cdnow.purchase (purchased_on);

CREATE TABLE cdnow.standing (
    scored_on date NOT NULL,
    customer  int NOT NULL,
    category  text NOT NULL,
    score     bigint NOT NULL,
    PRIMARY KEY (scored_on, customer)
);
