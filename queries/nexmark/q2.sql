-- What is bid for a few chosen auctions?

CREATE TABLE bid WITH (connector = 'nexmark', table = 'bid', event_rate = 1000, message_count = 20000);

SELECT auction, price FROM bid WHERE auction % 123 = 0;
