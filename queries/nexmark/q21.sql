-- Which number has the channel of every bid, by its name or by its address?

CREATE TABLE bid WITH (connector = 'nexmark', table = 'bid', event_rate = 1000, message_count = 20000);

SELECT auction, bidder, price, channel, channel_id
FROM (
    SELECT
        auction,
        bidder,
        price,
        channel,
        CASE lower(channel)
            WHEN 'apple' THEN '0'
            WHEN 'google' THEN '1'
            WHEN 'facebook' THEN '2'
            WHEN 'baidu' THEN '3'
            ELSE regexp_match(url, '(&|^)channel_id=([^&]*)')[2]
        END AS channel_id
    FROM bid
)
WHERE channel_id IS NOT NULL;
