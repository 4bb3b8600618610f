"""Orders joined with customers in a real Redis, and totals written there: cached, away for a while, and with a bad value."""

import json
import random
import time

import headwater
from redis_server import RedisServer

# More batches than a task asks about at a time, so that later ones find what earlier ones have learnt.
ORDERS, CUSTOMERS = 200_000, 200
TABLES = """\
CREATE TABLE orders (ts TIMESTAMP, customer TEXT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = 'orders.json', type = 'source');

CREATE TEMPORARY TABLE customers (id TEXT METADATA FROM 'key' PRIMARY KEY, name TEXT, city TEXT)
    WITH (connector = 'redis', address = '{address}', format = 'json'{options});

CREATE TABLE answers WITH (connector = 'single_file', path = 'answers.json', type = 'sink');
"""
LEFT = """
INSERT INTO answers SELECT o.amount, o.customer, c.name, c.city FROM orders o LEFT JOIN customers c ON o.customer = c.id;
"""
INNER = """
INSERT INTO answers SELECT o.amount, o.customer, c.name, c.city
FROM orders o JOIN customers c ON o.customer = c.id WHERE c.city = 'Wien';
"""
CACHE = ", 'lookup.cache.max_bytes' = 1000000, 'lookup.cache.ttl' = interval '1 hour'"
TOTALS = """\
CREATE TABLE orders (ts TIMESTAMP, customer TEXT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = 'orders.json', type = 'source');

CREATE TABLE totals WITH (connector = 'redis', type = 'sink', address = '{address}', format = 'upsert_json',
    'target.key_prefix' = 'total:', 'target.key_column' = 'customer');

INSERT INTO totals SELECT customer, sum(amount) AS total FROM orders WHERE customer IS NOT NULL GROUP BY customer;

CREATE TABLE latest WITH (connector = 'redis', type = 'sink', address = '{address}', 'target.key_prefix' = 'order:',
    'target.key_column' = 'amount', 'target.ttl_secs' = 1000);

INSERT INTO latest SELECT amount, customer FROM orders WHERE amount < 10;
"""


def check(claim, folder):
    orders = write_orders(folder)
    with RedisServer() as redis:
        customers = fill(redis)
        joined = [row(order, customers.get(order["customer"], {})) for order in orders]
        in_vienna = [found for found in joined if found[3] == "Wien"]

        lookups(claim, folder, redis, joined, in_vienna)
        away(claim, folder, redis, joined)
        bad_value(claim, folder, redis, joined)
        totals(claim, folder, redis, orders)

        refused = folder / "refused.sql"
        refused.write_text(TABLES.format(address=redis.address, options="") + "SELECT * FROM orders JOIN customers ON customer = name;")
        done = headwater.once("check", refused, cwd=folder)
        said = done.stdout + done.stderr
        claim.that(done.returncode != 0 and "primary key 'id' only" in said, "a join by another column is refused", said)


def lookups(claim, folder, redis, joined, in_vienna):
    before = redis.asked_keys()
    claim.equal(answers(claim, folder, redis, LEFT, ""), ordered(joined), "a LEFT JOIN gives every order its customer, or nulls")
    uncached = redis.asked_keys() - before
    claim.equal(answers(claim, folder, redis, INNER, ""), ordered(in_vienna), "a JOIN gives the orders of customers in Vienna")
    before = redis.asked_keys()
    claim.equal(answers(claim, folder, redis, LEFT, CACHE), ordered(joined), "with a cache the answer is the same")
    cached = redis.asked_keys() - before
    claim.that(CUSTOMERS <= cached < uncached, "and the server is asked less", f"{cached} keys, {uncached} without")


def away(claim, folder, redis, joined):
    """The server is gone when the job starts, and comes back with what it held."""
    redis.stop()
    query = folder / "away.sql"
    query.write_text(TABLES.format(address=redis.address, options="") + LEFT)
    with headwater.Running(folder, "run", query, "--checkpoints", folder / "checkpoints", name="away", listens=False) as running:
        deadline = time.monotonic() + 30
        while "starting again" not in running.output() and time.monotonic() < deadline:
            running.must_run()
            time.sleep(0.05)
        claim.that("starting again" in running.output(), "a job whose server is away tries again", running.output()[-500:])
        redis.start()
        fill(redis)
        claim.equal(running.wait(60), 0, "and ends when the server is back")
    claim.equal(read(folder), ordered(joined), "with every row once")


def bad_value(claim, folder, redis, joined):
    redis.command("SET", "customer-7", "no JSON at all")
    query = folder / "bad.sql"
    query.write_text(TABLES.format(address=redis.address, options="") + LEFT)
    done = headwater.once("run", query, cwd=folder, timeout_s=60)
    said = done.stdout + done.stderr
    claim.that(done.returncode != 0 and "key 'customer-7'" in said, "a value that cannot be read ends the job with its key", said)
    without = [(*found[:2], None, None) if found[1] == "customer-7" else found for found in joined]
    claim.equal(answers(claim, folder, redis, LEFT, ", bad_data = 'drop'"), ordered(without), "or is passed over where the table says so")


def totals(claim, folder, redis, orders):
    query = folder / "totals.sql"
    query.write_text(TOTALS.format(address=redis.address))
    done = headwater.once("run", query, cwd=folder, timeout_s=60)
    claim.must(done.returncode == 0, "totals are written", done.stdout + done.stderr)
    expected = {}
    for order in orders:
        if order["customer"] is not None:
            expected[order["customer"]] = expected.get(order["customer"], 0) + order["amount"]
    keys = redis.command("KEYS", "total:*")
    found = [json.loads(redis.command("GET", key)) for key in keys]
    claim.equal({row["customer"]: row["total"] for row in found}, expected, "each customer's last total is under its key")
    few = {order["amount"] for order in orders if order["amount"] < 10}
    claim.equal(set(redis.command("KEYS", "order:*")), {f"order:{amount}" for amount in few}, "rows are under the keys of their column")
    claim.that(0 < redis.command("TTL", f"order:{min(few)}") <= 1000, "and go when they were told to")


def answers(claim, folder, redis, insert, options):
    query = folder / "lookup.sql"
    query.write_text(TABLES.format(address=redis.address, options=options) + insert)
    done = headwater.once("run", query, cwd=folder, timeout_s=120)
    claim.must(done.returncode == 0, "`run` ends with 0", done.stdout + done.stderr)
    return read(folder)


def read(folder):
    rows = [json.loads(line) for line in (folder / "answers.json").read_text().splitlines()]
    return ordered((found["amount"], found.get("customer"), found.get("name"), found.get("city")) for found in rows)


def ordered(rows):
    return sorted(rows, key=repr)


def row(order, customer):
    return order["amount"], order["customer"], customer.get("name"), customer.get("city")


def fill(redis):
    customers = {}
    for number in range(CUSTOMERS):
        customer = {"name": f"Name {number}", "city": ["Wien", "Graz", None][number % 3]}
        customers[f"customer-{number}"] = customer
        redis.command("SET", f"customer-{number}", json.dumps(customer | {"beside": [number]}))
    return customers


def write_orders(folder):
    """Of known and unknown customers, and some of nobody."""
    dice = random.Random(11)
    orders = []
    with open(folder / "orders.json", "w") as lines:
        for number in range(ORDERS):
            customer = None if dice.random() < 0.02 else f"customer-{dice.randrange(CUSTOMERS + 20)}"
            order = {"customer": customer, "amount": dice.randrange(1000)}
            orders.append(order)
            second = number // 10
            at = f"2026-03-01T{8 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
            lines.write(json.dumps(order | {"ts": at}) + "\n")
    return orders


if __name__ == "__main__":
    import checks

    checks.run("lookup", check)
