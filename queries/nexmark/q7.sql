-- Which was the highest bid of each ten seconds?

CREATE TABLE bid WITH (connector = 'nexmark', table = 'bid', event_rate = 1000, message_count = 20000);

WITH highest AS (
    SELECT window.start AS window_start, window.end AS window_end, price
    FROM (
        SELECT tumble(interval '10 seconds') AS window, max(price) AS price FROM bid GROUP BY window
    )
)
SELECT bid.auction, bid.price, bid.bidder, bid.datetime
FROM bid
JOIN highest ON bid.price = highest.price
WHERE bid.datetime >= highest.window_start AND bid.datetime < highest.window_end;
