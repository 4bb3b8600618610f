-- A table of changes: what stands at its end is what a batch query reads, whatever came and went on the way.
CREATE TABLE accounts (id BIGINT, city TEXT, balance BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS (ts - INTERVAL '10 seconds'))
    WITH (connector = 'single_file', path = 'accounts.json', format = 'debezium_json', type = 'source');
CREATE TABLE payments (account BIGINT, amount BIGINT)
    WITH (connector = 'single_file', path = 'payments.json', type = 'source');

CREATE TABLE per_city WITH (connector = 'blackhole');

INSERT INTO per_city SELECT city, count(*) AS accounts, sum(balance) AS balance FROM accounts GROUP BY city;

CREATE TABLE paid WITH (connector = 'blackhole');

INSERT INTO paid
SELECT p.account, p.amount, a.city, a.balance FROM payments AS p LEFT JOIN accounts AS a ON p.account = a.id;

-- Windows have the rows that are left once the watermark has passed them.
CREATE TABLE per_window WITH (connector = 'blackhole');

INSERT INTO per_window
SELECT window.start AS at, city, accounts FROM (
    SELECT tumble(interval '5 seconds') AS window, city, count(*) AS accounts FROM accounts GROUP BY window, city);
