SET updating_ttl = interval '1 hour';

CREATE TABLE accounts (
    city TEXT NOT NULL, id BIGINT, part BIGINT, ts TIMESTAMP NOT NULL,
    day DATE GENERATED ALWAYS AS (CAST(ts AS DATE)),
    PRIMARY KEY (id, part), WATERMARK FOR ts
) WITH (connector = 'log', topic = 'accounts', format = 'upsert_json', type = 'source');

-- Not even where no row is without one does a filter go before the last rows.
SELECT city, day FROM accounts WHERE city IS NOT NULL AND id > 3;

SELECT tumble(interval '1 minute') AS window, city, count(*) AS accounts FROM accounts GROUP BY window, city;
