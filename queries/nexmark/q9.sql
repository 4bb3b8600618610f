-- Which bid wins each auction?

CREATE TABLE auction WITH (connector = 'nexmark', table = 'auction', event_rate = 1000, message_count = 20000);
CREATE TABLE bid WITH (connector = 'nexmark', table = 'bid', event_rate = 1000, message_count = 20000);

SELECT id, item_name, initial_bid, reserve, category, seller, auction_at, expires, bidder, price, bid_at
FROM (
    SELECT
        auction.id,
        auction.item_name,
        auction.initial_bid,
        auction.reserve,
        auction.category,
        auction.seller,
        auction.datetime AS auction_at,
        auction.expires,
        bid.bidder,
        bid.price,
        bid.datetime AS bid_at,
        ROW_NUMBER() OVER (PARTITION BY auction.id ORDER BY bid.price DESC, bid.datetime) AS place
    FROM auction
    JOIN bid ON auction.id = bid.auction
    WHERE bid.datetime BETWEEN auction.datetime AND auction.expires
)
WHERE place <= 1;
