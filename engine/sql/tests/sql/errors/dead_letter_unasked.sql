CREATE TABLE a (x INT) WITH (connector = 'log', topic = 'a', dead_letter = 'b');
