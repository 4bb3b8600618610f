-- What bids were there, for later? A file for every minute and folder, below tables/nexmark_bids.

CREATE TABLE bid WITH (connector = 'nexmark', table = 'bid', event_rate = 1000, message_count = 20000);

CREATE TABLE nexmark_bids WITH (
    connector = 'filesystem',
    path = 'tables/nexmark_bids',
    format = 'csv',
    partition_fields = [day, minute]
);

INSERT INTO nexmark_bids
SELECT
    auction,
    bidder,
    price,
    datetime,
    extra,
    to_char(datetime, '%Y-%m-%d') AS day,
    to_char(datetime, '%H-%M') AS minute
FROM bid;
