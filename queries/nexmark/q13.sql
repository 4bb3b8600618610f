-- What does a small table beside the stream say of every bid?

-- The small table has no event time, and would be forgotten as older than anything that is.
SET updating_ttl = interval '36500 days';

CREATE TABLE bid WITH (connector = 'nexmark', table = 'bid', event_rate = 1000, message_count = 20000);

WITH side (key, value) AS (
    VALUES (0, 'zero'), (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four'), (5, 'five'), (6, 'six'), (7, 'seven')
)
SELECT bid.auction, bid.bidder, bid.price, bid.datetime, side.value
FROM bid
JOIN side ON bid.auction % 8 = side.key;
