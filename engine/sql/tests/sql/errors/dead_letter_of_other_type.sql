CREATE TABLE a (x INT) WITH (connector = 'log', topic = 'a', bad_data = 'dead_letter', dead_letter = 'unread');
CREATE TABLE unread (topic INT) WITH (connector = 'log', topic = 'u');
SELECT x FROM a;
