CREATE TABLE rates (ts TIMESTAMP NOT NULL, k BIGINT NOT NULL, rate BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'rates', type = 'source');
SELECT * FROM rates FOR SYSTEM_TIME AS OF ts;
