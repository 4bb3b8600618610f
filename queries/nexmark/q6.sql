-- What did each seller's last ten auctions close at on average, as each one closes?

CREATE TABLE auction WITH (connector = 'nexmark', table = 'auction', event_rate = 1000, message_count = 20000);
CREATE TABLE bid WITH (connector = 'nexmark', table = 'bid', event_rate = 1000, message_count = 20000);

SELECT seller, avg(final) OVER (
    PARTITION BY seller ORDER BY datetime, id ROWS BETWEEN 10 PRECEDING AND CURRENT ROW
) AS average
FROM (
    SELECT auction.id, auction.seller, bid.price AS final, bid.datetime, ROW_NUMBER() OVER (
        PARTITION BY auction.id ORDER BY bid.price DESC, bid.datetime
    ) AS place
    FROM auction
    JOIN bid ON auction.id = bid.auction
    WHERE bid.datetime BETWEEN auction.datetime AND auction.expires
)
WHERE place <= 1;
