-- Which auctions had the most bids in the last ten seconds? Every two seconds.

CREATE TABLE bid WITH (connector = 'nexmark', table = 'bid', event_rate = 1000, message_count = 20000);

WITH counts AS (
    SELECT hop(interval '2 seconds', interval '10 seconds') AS window, auction, count(*) AS bids
    FROM bid
    GROUP BY window, auction
),
most AS (
    SELECT window, max(bids) AS bids FROM counts GROUP BY window
)
SELECT counts.window AS window, counts.auction, counts.bids
FROM counts
JOIN most ON counts.window = most.window AND counts.bids = most.bids;
