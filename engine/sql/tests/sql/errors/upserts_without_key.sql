CREATE TABLE accounts (id BIGINT, city TEXT)
    WITH (connector = 'log', topic = 'accounts', format = 'upsert_json', type = 'source');
