-- What was each bidder's last bid for each auction?

CREATE TABLE bid WITH (connector = 'nexmark', table = 'bid', event_rate = 1000, message_count = 20000);

SELECT auction, bidder, price, channel, url, datetime, extra
FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY datetime DESC) AS place FROM bid
)
WHERE place <= 1;
