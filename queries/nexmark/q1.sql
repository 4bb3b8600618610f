-- What does every bid come to in euros?

CREATE TABLE bid WITH (connector = 'nexmark', table = 'bid', event_rate = 1000, message_count = 20000);

SELECT auction, bidder, 0.908 * price AS price, datetime, extra FROM bid;
