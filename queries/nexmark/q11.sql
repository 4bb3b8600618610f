-- How much does each bidder bid while they stay? A visit ends after ten seconds without a bid.

CREATE TABLE bid WITH (connector = 'nexmark', table = 'bid', event_rate = 1000, message_count = 20000);

SELECT bidder, bids, window.start AS visit_start, window.end AS visit_end
FROM (
    SELECT session(interval '10 seconds') AS window, bidder, count(*) AS bids FROM bid GROUP BY window, bidder
);
