-- What bids are there? Every one as it is: what the engine costs before it does anything.

CREATE TABLE bid WITH (connector = 'nexmark', table = 'bid', event_rate = 1000, message_count = 20000);

SELECT auction, bidder, price, datetime, extra FROM bid;
