CREATE TABLE t (a INT METADATA FROM 'ofset') WITH (connector = 'log', topic = 'x');
