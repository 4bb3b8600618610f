CREATE TABLE a (x INT) WITH (connector = 'log', topic = 'a', bad_data = 'dead_letter');
