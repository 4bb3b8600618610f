-- What do auctions of each category close at on average?

CREATE TABLE auction WITH (connector = 'nexmark', table = 'auction', event_rate = 1000, message_count = 20000);
CREATE TABLE bid WITH (connector = 'nexmark', table = 'bid', event_rate = 1000, message_count = 20000);

SELECT category, avg(final) AS average
FROM (
    SELECT auction.id, auction.category, max(bid.price) AS final
    FROM auction
    JOIN bid ON auction.id = bid.auction
    WHERE bid.datetime BETWEEN auction.datetime AND auction.expires
    GROUP BY auction.id, auction.category
)
GROUP BY category;
