-- Who began to sell within the ten seconds in which they registered?

CREATE TABLE person WITH (connector = 'nexmark', table = 'person', event_rate = 1000, message_count = 20000);
CREATE TABLE auction WITH (connector = 'nexmark', table = 'auction', event_rate = 1000, message_count = 20000);

WITH registered AS (
    SELECT tumble(interval '10 seconds') AS window, id, name FROM person GROUP BY window, id, name
),
sold AS (
    SELECT tumble(interval '10 seconds') AS window, seller FROM auction GROUP BY window, seller
)
SELECT registered.id, registered.name, registered.window AS window
FROM registered
JOIN sold ON registered.id = sold.seller AND registered.window = sold.window;
