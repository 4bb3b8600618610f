CREATE TABLE orders (k BIGINT) WITH (connector = 'log', topic = 'orders')
EMIT CHANGES;
