CREATE TABLE queue (a INT, b TEXT) WITH (connector = 'log', topic = 'q');
CREATE TABLE ticks WITH (connector = 'clock');
INSERT INTO queue SELECT counter, 'tick' FROM ticks;
SELECT b, a + 1 FROM queue;
