-- Which bids are for auctions of category 10, and what is sold there?

CREATE TABLE bid WITH (connector = 'nexmark', table = 'bid', event_rate = 1000, message_count = 20000);
CREATE TABLE auction WITH (connector = 'nexmark', table = 'auction', event_rate = 1000, message_count = 20000);

SELECT
    bid.auction,
    bid.bidder,
    bid.price,
    bid.channel,
    bid.url,
    bid.datetime AS bid_at,
    auction.item_name,
    auction.description,
    auction.initial_bid,
    auction.reserve,
    auction.datetime AS auction_at,
    auction.expires,
    auction.seller,
    auction.category
FROM bid
JOIN auction ON bid.auction = auction.id
WHERE auction.category = 10;
