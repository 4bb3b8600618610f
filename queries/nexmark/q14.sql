-- Which bids are of a middling price, at what time of day, and how many c are in their text?

CREATE TABLE bid WITH (connector = 'nexmark', table = 'bid', event_rate = 1000, message_count = 20000);

SELECT
    auction,
    bidder,
    0.908 * price AS price,
    CASE
        WHEN date_part('hour', datetime) BETWEEN 8 AND 18 THEN 'day'
        WHEN date_part('hour', datetime) <= 6 OR date_part('hour', datetime) >= 20 THEN 'night'
        ELSE 'other'
    END AS bid_time,
    datetime,
    extra,
    length(extra) - length(replace(extra, 'c', '')) AS c_count
FROM bid
WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000;
