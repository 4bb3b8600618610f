-- Who sells in category 10 in Oregon, Idaho and California?

CREATE TABLE auction WITH (connector = 'nexmark', table = 'auction', event_rate = 1000, message_count = 20000);
CREATE TABLE person WITH (connector = 'nexmark', table = 'person', event_rate = 1000, message_count = 20000);

SELECT person.name, person.city, person.state, auction.id
FROM auction
JOIN person ON auction.seller = person.id
WHERE auction.category = 10 AND person.state IN ('OR', 'ID', 'CA');
