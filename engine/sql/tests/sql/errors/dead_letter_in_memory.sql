CREATE TABLE a (x INT) WITH (connector = 'log', topic = 'a', bad_data = 'dead_letter', dead_letter = 'unread');
CREATE TABLE unread (topic TEXT);
SELECT x FROM a;
