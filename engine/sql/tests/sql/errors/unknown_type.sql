CREATE TABLE t (
    a INT,
    b TEXTT
) WITH (connector = 'log', topic = 'x');
