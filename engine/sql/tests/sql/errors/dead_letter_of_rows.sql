CREATE TABLE a (x INT)
WITH (connector = 'log', topic = 'a', format = 'arrow', bad_data = 'dead_letter', dead_letter = 'unread');
SELECT x FROM a;
