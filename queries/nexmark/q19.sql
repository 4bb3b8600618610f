-- Which are the ten highest bids for each auction?

CREATE TABLE bid WITH (connector = 'nexmark', table = 'bid', event_rate = 1000, message_count = 20000);

SELECT *
FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC, datetime) AS place FROM bid
)
WHERE place <= 10;
