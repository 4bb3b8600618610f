CREATE TABLE a (x INT) WITH (connector = 'log', topic = 'a', bad_data = 'dead_letter', dead_letter = 'unraed');
CREATE TABLE unread WITH (connector = 'print');
SELECT x FROM a;
