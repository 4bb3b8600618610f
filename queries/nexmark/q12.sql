-- How much does each bidder bid in every ten seconds?
-- The published query counts by the clock of the machine; here, as everywhere, time is the events' own.

CREATE TABLE bid WITH (connector = 'nexmark', table = 'bid', event_rate = 1000, message_count = 20000);

SELECT bidder, bids, window.start AS window_start, window.end AS window_end
FROM (
    SELECT tumble(interval '10 seconds') AS window, bidder, count(*) AS bids FROM bid GROUP BY window, bidder
);
