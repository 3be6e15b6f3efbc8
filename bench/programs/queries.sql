-- Two thousand rows made by the database itself, an index, and queries over them.
DROP TABLE IF EXISTS people;
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, town TEXT, age INTEGER);
BEGIN;
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 2000)
INSERT INTO people SELECT n, 'name ' || (n * 7919 % 2000), 'town ' || (n % 50), n % 90 FROM number;
COMMIT;
CREATE INDEX by_town ON people (town);
SELECT town, count(*), avg(age) FROM people GROUP BY town ORDER BY town;
SELECT a.name, b.name FROM people a JOIN people b ON a.town = b.town WHERE a.id < 20 AND b.age > 80 ORDER BY 1, 2;
UPDATE people SET age = age + 1 WHERE town = 'town 7';
DELETE FROM people WHERE id % 3 = 0;
SELECT count(*), sum(age) FROM people;
