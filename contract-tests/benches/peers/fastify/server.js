// One service of the store, written with Fastify and better-sqlite3 as their guides show: a schema for each response, a commit
// for each write. It keeps part 1 of the contract, so the suite passes on it.
//
// `node server.js products` has the store's own settings: PRODUCTS_LISTEN, PRODUCTS_TOKEN, DATA_DIR, and the URL and the token of
// the service that it asks.

import Database from "better-sqlite3";
import Fastify from "fastify";
import { Pool } from "undici";

const name = process.argv[2];
const asked = name === "payments" ? "orders" : "products";
const setting = (service, suffix) => process.env[`${service.toUpperCase()}_${suffix}`];
const token = (service) => setting(service, "TOKEN") ?? `SECRET_${service.toUpperCase()}_TOKEN`;
const [TOKEN, UPSTREAM_TOKEN] = [token(name), token(asked)];
const UPSTREAM_URL = setting(asked, "URL");

const database = new Database(`${process.env.DATA_DIR}/${name}.db`);
database.pragma("journal_mode = WAL");
// A write is durable before its response, as in the store.
database.pragma("synchronous = FULL");
database.exec(`
  CREATE TABLE IF NOT EXISTS product (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL NOT NULL, stock INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS purchase_order (id INTEGER PRIMARY KEY, product_id INTEGER NOT NULL, quantity INTEGER NOT NULL, status TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS payment (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, amount REAL NOT NULL, method TEXT NOT NULL, status TEXT NOT NULL);
`);

class ApiError extends Error {
  constructor(statusCode, message) {
    super(message);
    this.statusCode = statusCode;
  }
}

const missing = () => new ApiError(400, "Missing fields");
const invalid = () => new ApiError(400, "Invalid fields");

const app = Fastify();

app.addHook("onRequest", async (request, reply) => {
  const [scheme, token] = (request.headers.authorization ?? "").split(" ");
  if (scheme.toLowerCase() !== "bearer" || token !== TOKEN) {
    reply.header("WWW-Authenticate", "Bearer");
    throw new ApiError(401, "Unauthorized");
  }
});

app.setErrorHandler((error, request, reply) => {
  if (error instanceof ApiError) return reply.code(error.statusCode).send({ error: error.message });
  if (error.statusCode === 415) return reply.code(415).send({ error: "Unsupported media type" });
  if (error.code === "FST_ERR_CTP_EMPTY_JSON_BODY") return reply.code(400).send({ error: "Missing fields" });
  if (error.statusCode < 500) return reply.code(400).send({ error: "Invalid fields" });
  console.error(error);
  return reply.code(500).send({ error: "Internal error" });
});

const object = (fields) => ({ type: "object", properties: fields });
const integer = { type: "integer" };
const number = { type: "number" };
const string = { type: "string" };
const product = object({ id: integer, name: string, price: number, stock: integer });
const order = object({ id: integer, product_id: integer, quantity: integer, status: string });
const payment = object({ id: integer, order_id: integer, amount: number, method: string, status: string });
const responses = (schema) => ({ schema: { response: { "2xx": schema } } });

/** The fields of a body, if they are there and have the right types. */
function read(body, checks) {
  if (body === null || body === undefined) throw missing();
  if (typeof body !== "object" || Array.isArray(body)) throw invalid();
  for (const field of Object.keys(checks)) {
    if (body[field] === undefined || body[field] === null || body[field] === "") throw missing();
  }
  for (const [field, isValid] of Object.entries(checks)) {
    if (!isValid(body[field])) throw invalid();
  }
  return body;
}

const isText = (value) => typeof value === "string";
const isPrice = (value) => typeof value === "number" && value >= 0;
const isStock = (value) => Number.isSafeInteger(value) && value >= 0;
const isPositive = (value) => Number.isSafeInteger(value) && value >= 1;

const upstream = UPSTREAM_URL && new Pool(UPSTREAM_URL, { bodyTimeout: 3000, headersTimeout: 3000 });

/** What the upstream has at this path, or nothing if it does not say. */
async function ask(path) {
  try {
    const headers = { authorization: `Bearer ${UPSTREAM_TOKEN}` };
    const { statusCode, body } = await upstream.request({ method: "GET", path, headers, signal: AbortSignal.timeout(3000) });
    if (statusCode !== 200) {
      await body.dump();
      return undefined;
    }
    return await body.json();
  } catch {
    return undefined;
  }
}

function created(reply, path, row) {
  reply.code(201).header("Location", `${path}/${row.id}`);
  return row;
}

function found(row, text) {
  if (row === undefined) throw new ApiError(404, text);
  return row;
}

if (name === "products") {
  const checks = { name: isText, price: isPrice, stock: isStock };
  const all = database.prepare("SELECT id, name, price, stock FROM product ORDER BY id");
  const one = database.prepare("SELECT id, name, price, stock FROM product WHERE id = ?");
  const insert = database.prepare("INSERT INTO product (name, price, stock) VALUES (?, ?, ?)");
  const update = database.prepare("UPDATE product SET name = ?, price = ?, stock = ? WHERE id = ?");
  app.get("/products", responses({ type: "array", items: product }), async () => all.all());
  app.get("/products/:id", responses(product), async ({ params }) => found(one.get(params.id), "Product not found"));
  app.post("/products", responses(product), async ({ body }, reply) => {
    const { name, price, stock } = read(body, checks);
    const id = insert.run(name, price, stock).lastInsertRowid;
    return created(reply, "/products", { id, name, price, stock });
  });
  app.put("/products/:id", responses(product), async ({ body, params }) => {
    const { name, price, stock } = read(body, checks);
    if (update.run(name, price, stock, params.id).changes === 0) throw new ApiError(404, "Product not found");
    return { id: Number(params.id), name, price, stock };
  });
} else if (name === "orders") {
  const one = database.prepare("SELECT id, product_id, quantity, status FROM purchase_order WHERE id = ?");
  const insert = database.prepare("INSERT INTO purchase_order (product_id, quantity, status) VALUES (?, ?, 'PENDING')");
  app.get("/orders/:id", responses(order), async ({ params }) => found(one.get(params.id), "Order not found"));
  app.post("/orders", responses(order), async ({ body }, reply) => {
    const { product_id, quantity } = read(body, { product_id: isPositive, quantity: isPositive });
    const asked = await ask(`/products/${product_id}`);
    if (asked?.id !== product_id || !isStock(asked.stock)) throw new ApiError(400, "Product not found or unavailable");
    if (quantity > asked.stock) throw new ApiError(400, "Not enough stock");
    const id = insert.run(product_id, quantity).lastInsertRowid;
    return created(reply, "/orders", { id, product_id, quantity, status: "PENDING" });
  });
} else {
  const one = database.prepare("SELECT id, order_id, amount, method, status FROM payment WHERE id = ?");
  const insert = database.prepare("INSERT INTO payment (order_id, amount, method, status) VALUES (?, ?, ?, 'SUCCESS')");
  app.get("/payments/:id", responses(payment), async ({ params }) => found(one.get(params.id), "Payment not found"));
  app.post("/payments", responses(payment), async ({ body }, reply) => {
    const { order_id, amount, method } = read(body, { order_id: isPositive, amount: isPrice, method: isText });
    const asked = await ask(`/orders/${order_id}`);
    if (asked?.id !== order_id) throw new ApiError(400, "Order not found or unavailable");
    const id = insert.run(order_id, amount, method).lastInsertRowid;
    return created(reply, "/payments", { id, order_id, amount, method, status: "SUCCESS" });
  });
}

const [, host, port] = setting(name, "LISTEN").match(/^(.*):(\d+)$/);
console.log(`${name} is ready at ${await app.listen({ host, port: Number(port) })}`);
