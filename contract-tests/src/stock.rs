//! The properties that no list of requests can show: whatever is created, replaced, ordered and paid, in whatever order, every
//! answer is what a small model says, and the stock rule holds.
//!
//! They are part of what any faithful implementation does. What they create has a name of its own, so they can run against a
//! store that holds other things.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

use crate::{
    exchange::{Answer, Request},
    property::{Effort, run},
    session::{Failure, Scope, Session},
};

/// The largest integer that every JSON reader holds exactly.
const MAX: u64 = 9_007_199_254_740_991;
/// An id that nothing has.
const UNKNOWN: u64 = MAX;

const PRODUCT_NOT_FOUND: &str = "Product not found";
const PRODUCT_UNAVAILABLE: &str = "Product not found or unavailable";
const NOT_ENOUGH_STOCK: &str = "Not enough stock";
const ORDER_NOT_FOUND: &str = "Order not found";
const ORDER_UNAVAILABLE: &str = "Order not found or unavailable";
const MISSING_FIELDS: &str = "Missing fields";
const UNAUTHORIZED: &str = "Unauthorized";

/// Something that is true of every store.
pub struct Property {
    /// As a sentence.
    pub name: &'static str,
    /// Tries to show that it is not.
    pub check: fn(&Session, Effort) -> Result<(), String>,
}

/// Every property.
pub const PROPERTIES: [Property; 8] = [
    Property {
        name: "an_order_is_accepted_if_and_only_if_the_stock_covers_it_at_every_edge",
        check: |session, _| at_every_edge(session).map_err(|failure| failure.to_string()),
    },
    Property {
        name: "an_order_is_accepted_if_and_only_if_the_stock_covers_it",
        check: for_any_stock_and_quantity,
    },
    Property { name: "every_answer_is_what_a_model_says_in_any_interleaving", check: in_any_interleaving },
    Property {
        name: "a_refused_order_leaves_no_trace",
        check: |session, _| without_a_trace(session).map_err(|failure| failure.to_string()),
    },
    Property {
        name: "what_was_not_there_can_be_had_once_it_is",
        check: |session, _| once_it_is_there(session).map_err(|failure| failure.to_string()),
    },
    Property {
        name: "what_is_created_at_once_has_ids_of_its_own",
        check: |session, effort| all_at_once(session, effort).map_err(|failure| failure.to_string()),
    },
    Property {
        name: "the_pages_of_the_list_are_the_list",
        check: |session, _| in_pages(session).map_err(|failure| failure.to_string()),
    },
    Property {
        name: "concurrent_orders_keep_to_a_stock_that_the_product_had",
        check: while_the_stock_changes,
    },
];

// ---- the stock rule

fn at_every_edge(session: &Session) -> Result<(), Failure> {
    for stock in [0, 1, 2, 20, 99, 100, 101, 999, 1000, 1001, MAX - 1, MAX] {
        let product = create_product(session, &unique("edge"), 1.0, stock)?;
        for quantity in [1, stock.saturating_sub(1), stock, stock + 1, 10 * stock, MAX] {
            if (1..=MAX).contains(&quantity) {
                order(session, product, quantity, stock)?;
            }
        }
    }
    Ok(())
}

fn for_any_stock_and_quantity(session: &Session, effort: Effort) -> Result<(), String> {
    let amount = prop_oneof![4 => 0..200_u64, 1 => 0..100_000_u64, 1 => 0..=MAX];
    let near = (amount.clone(), -2..3_i64)
        .prop_map(|(stock, distance)| (stock, stock.saturating_add_signed(distance).clamp(1, MAX)));
    let any = prop_oneof![near, (amount.clone(), amount.prop_map(|quantity| quantity.max(1)))];
    run(effort, any, |(stock, quantity)| {
        let product = create_product(session, &unique("any"), 1.0, stock)?;
        order(session, product, quantity, stock)
    })
}

fn create_product(session: &Session, name: &str, price: f64, stock: u64) -> Result<u64, Failure> {
    let body = json!({ "name": name, "price": price, "stock": stock });
    Ok(session.expect(&session.request("products", "POST", "/products").json(&body), 201, None)?.id())
}

/// Orders, and expects what the stock rule says.
fn order(session: &Session, product: u64, quantity: u64, stock: u64) -> Result<(), Failure> {
    let request = order_request(session, product, quantity);
    if quantity > stock {
        session.expect(&request, 400, Some(NOT_ENOUGH_STOCK))?;
        return Ok(());
    }
    let answer = session.expect(&request, 201, None)?;
    let expected = json!({ "product_id": product, "quantity": quantity, "status": "PENDING" });
    equal(session, &request, &answer, &expected)
}

fn order_request(session: &Session, product: u64, quantity: u64) -> Request {
    session.request("orders", "POST", "/orders").json(&json!({ "product_id": product, "quantity": quantity }))
}

// ---- any interleaving

/// Something that somebody does to a store.
#[derive(Clone, Debug)]
enum Action {
    Create(Product),
    Replace(Index, Product),
    ReplaceUnknown(Product),
    Read(Index),
    ReadUnknown,
    List,
    Order(Index, u64),
    OrderUnknown(u64),
    ReadOrder(Index),
    Pay(Index, f64),
    PayUnknown(f64),
    /// A write that lacks a field.
    Incomplete(Write, Index, Index),
    /// A write of somebody without the right token.
    Stranger(Write, Index),
}

/// The writes.
#[derive(Clone, Copy, Debug)]
enum Write {
    Create,
    Replace,
    Order,
    Pay,
}

#[derive(Clone, Debug, PartialEq)]
struct Product {
    name: String,
    price: f64,
    stock: u64,
}

/// What a store should hold.
#[derive(Default)]
struct Model {
    /// What the names of everything in it begin with.
    prefix: String,
    products: BTreeMap<u64, Product>,
    /// Product and quantity.
    orders: BTreeMap<u64, (u64, u64)>,
    payments: BTreeMap<u64, (u64, f64)>,
}

fn in_any_interleaving(session: &Session, effort: Effort) -> Result<(), String> {
    run(effort, prop::collection::vec(action(), 1..40), |actions| {
        let mut model = Model { prefix: unique("model"), ..Model::default() };
        for action in actions {
            model.act(session, action)?;
        }
        model.compare(session)
    })
}

fn action() -> impl Strategy<Value = Action> {
    let write = prop_oneof![Just(Write::Create), Just(Write::Replace), Just(Write::Order), Just(Write::Pay)];
    let index = any::<Index>;
    prop_oneof![
        4 => product().prop_map(Action::Create),
        4 => (index(), product()).prop_map(|(index, product)| Action::Replace(index, product)),
        1 => product().prop_map(Action::ReplaceUnknown),
        2 => index().prop_map(Action::Read),
        1 => Just(Action::ReadUnknown),
        1 => Just(Action::List),
        6 => (index(), 1..40_u64).prop_map(|(index, quantity)| Action::Order(index, quantity)),
        1 => (1..=MAX).prop_map(Action::OrderUnknown),
        1 => index().prop_map(Action::ReadOrder),
        2 => (index(), price()).prop_map(|(index, amount)| Action::Pay(index, amount)),
        1 => price().prop_map(Action::PayUnknown),
        3 => (write.clone(), index(), index()).prop_map(|(write, field, target)| Action::Incomplete(write, field, target)),
        2 => (write, index()).prop_map(|(write, target)| Action::Stranger(write, target)),
    ]
}

fn product() -> impl Strategy<Value = Product> {
    let name = prop_oneof![2 => "\\PC{1,12}", 1 => Just("twin".to_owned())];
    (name, price(), 0..40_u64).prop_map(|(name, price, stock)| Product { name, price, stock })
}

fn price() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        (0..100_000_u32).prop_map(|cents| f64::from(cents) / 100.0),
        (0..=1_000_000_000_000_u64).prop_map(|price| price as f64)
    ]
}

impl Model {
    fn act(&mut self, session: &Session, action: Action) -> Result<(), Failure> {
        match action {
            Action::Create(product) => {
                let product = self.named(product);
                let request = session.request("products", "POST", "/products").json(&product.json());
                let answer = session.expect(&request, 201, None)?;
                equal(session, &request, &answer, &product.json())?;
                if self.products.insert(answer.id(), product).is_some() {
                    return Err(session.failure(&request, &answer, "an id that no product has yet"));
                }
                self.read(session, answer.id())
            }
            Action::Replace(index, product) => {
                let Some(id) = pick(&self.products, index) else { return Ok(()) };
                let product = self.named(product);
                let request =
                    session.request("products", "PUT", format!("/products/{id}")).json(&product.json());
                let mut expected = product.json();
                expected["id"] = id.into();
                // Twice is once.
                for _ in 0..2 {
                    let answer = session.expect(&request, 200, None)?;
                    equal(session, &request, &answer, &expected)?;
                }
                self.products.insert(id, product);
                self.read(session, id)
            }
            Action::ReplaceUnknown(product) => {
                let path = format!("/products/{UNKNOWN}");
                let request = session.request("products", "PUT", path).json(&self.named(product).json());
                session.expect(&request, 404, Some(PRODUCT_NOT_FOUND))?;
                self.act(session, Action::ReadUnknown)
            }
            Action::Read(index) => pick(&self.products, index).map_or(Ok(()), |id| self.read(session, id)),
            Action::ReadUnknown => {
                let request = session.request("products", "GET", format!("/products/{UNKNOWN}"));
                session.expect(&request, 404, Some(PRODUCT_NOT_FOUND))?;
                let request = session.request("orders", "GET", format!("/orders/{UNKNOWN}"));
                session.expect(&request, 404, Some(ORDER_NOT_FOUND)).map(drop)
            }
            Action::List => self.list(session),
            Action::Order(index, quantity) => {
                let Some(id) = pick(&self.products, index) else { return Ok(()) };
                let request = order_request(session, id, quantity);
                if quantity > self.products[&id].stock {
                    session.expect(&request, 400, Some(NOT_ENOUGH_STOCK))?;
                    return self.read(session, id);
                }
                let answer = session.expect(&request, 201, None)?;
                let expected = json!({ "product_id": id, "quantity": quantity, "status": "PENDING" });
                equal(session, &request, &answer, &expected)?;
                if self.orders.insert(answer.id(), (id, quantity)).is_some() {
                    return Err(session.failure(&request, &answer, "an id that no order has yet"));
                }
                self.read(session, id)
            }
            Action::OrderUnknown(quantity) => session
                .expect(&order_request(session, UNKNOWN, quantity), 400, Some(PRODUCT_UNAVAILABLE))
                .map(drop),
            Action::ReadOrder(index) => {
                pick(&self.orders, index).map_or(Ok(()), |id| self.read_order(session, id))
            }
            Action::Pay(index, amount) => {
                let Some(id) = pick(&self.orders, index) else { return Ok(()) };
                let body = json!({ "order_id": id, "amount": amount, "method": "fake-card" });
                let request = session.request("payments", "POST", "/payments").json(&body);
                let answer = session.expect(&request, 201, None)?;
                let mut expected = body;
                expected["status"] = "SUCCESS".into();
                equal(session, &request, &answer, &expected)?;
                if self.payments.insert(answer.id(), (id, amount)).is_some() {
                    return Err(session.failure(&request, &answer, "an id that no payment has yet"));
                }
                self.read_order(session, id)
            }
            Action::PayUnknown(amount) => {
                let body = json!({ "order_id": UNKNOWN, "amount": amount, "method": "fake-card" });
                let request = session.request("payments", "POST", "/payments").json(&body);
                session.expect(&request, 400, Some(ORDER_UNAVAILABLE)).map(drop)
            }
            Action::Incomplete(write, field, target) => {
                let mut request = self.write(session, write, target);
                let mut body: Value = serde_json::from_slice(&request.body).expect("a JSON body");
                let object = body.as_object_mut().expect("an object");
                let name = object.keys().nth(field.index(object.len())).expect("a field").clone();
                object.remove(&name);
                request.body = body.to_string().into_bytes();
                session.expect(&request, 400, Some(MISSING_FIELDS))?;
                pick(&self.products, target).map_or(Ok(()), |id| self.read(session, id))
            }
            Action::Stranger(write, target) => {
                let request = self.write(session, write, target).token("somebody-elses-token");
                session.expect(&request, 401, Some(UNAUTHORIZED))?;
                pick(&self.products, target).map_or(Ok(()), |id| self.read(session, id))
            }
        }
    }

    /// A write that would be noticed if it were done.
    fn write(&self, session: &Session, write: Write, target: Index) -> Request {
        let product = self.named(Product { name: "refused".into(), price: 3.5, stock: 77 });
        let product_id = pick(&self.products, target).unwrap_or(UNKNOWN);
        let order_id = pick(&self.orders, target).unwrap_or(UNKNOWN);
        match write {
            Write::Create => session.request("products", "POST", "/products").json(&product.json()),
            Write::Replace => {
                session.request("products", "PUT", format!("/products/{product_id}")).json(&product.json())
            }
            Write::Order => order_request(session, product_id, 1),
            Write::Pay => session
                .request("payments", "POST", "/payments")
                .json(&json!({ "order_id": order_id, "amount": 1, "method": "fake-card" })),
        }
    }

    fn named(&self, mut product: Product) -> Product {
        product.name.insert_str(0, &self.prefix);
        product
    }

    fn read(&self, session: &Session, id: u64) -> Result<(), Failure> {
        let request = session.request("products", "GET", format!("/products/{id}"));
        let mut expected = self.products[&id].json();
        expected["id"] = id.into();
        let answer = session.expect(&request, 200, None)?;
        equal(session, &request, &answer, &expected)
    }

    fn read_order(&self, session: &Session, id: u64) -> Result<(), Failure> {
        let request = session.request("orders", "GET", format!("/orders/{id}"));
        let (product, quantity) = self.orders[&id];
        let answer = session.expect(&request, 200, None)?;
        let expected = json!({ "id": id, "product_id": product, "quantity": quantity, "status": "PENDING" });
        equal(session, &request, &answer, &expected)
    }

    /// The list has everything in the model, once and as it is, and nothing that was refused.
    fn list(&self, session: &Session) -> Result<(), Failure> {
        let request = session.request("products", "GET", "/products");
        let answer = session.expect(&request, 200, None)?;
        let list = answer.json();
        let is_ours =
            |product: &&Value| product["name"].as_str().is_some_and(|name| name.starts_with(&self.prefix));
        let ours: Vec<&Value> = list.as_array().into_iter().flatten().filter(is_ours).collect();
        let listed: BTreeMap<u64, &Value> =
            ours.iter().map(|product| (product["id"].as_u64().unwrap_or_default(), *product)).collect();
        let same = listed.len() == ours.len()
            && listed.keys().eq(self.products.keys())
            && self.products.iter().all(|(id, product)| agrees(listed[id], &product.json()));
        let first = list[0]["id"].as_u64().unwrap_or_default();
        for older in (1..first).rev().take(3) {
            let request = session.request("products", "GET", format!("/products/{older}"));
            session.expect(&request, 404, Some(PRODUCT_NOT_FOUND))?;
        }
        if !same {
            let expected = format!(
                "a list in which these stand once, and no other {}…: {:?}",
                self.prefix, self.products
            );
            return Err(session.failure(&request, &answer, &expected));
        }
        Ok(())
    }

    /// All of it, and twice: reading changes nothing.
    fn compare(&self, session: &Session) -> Result<(), Failure> {
        for _ in 0..2 {
            self.list(session)?;
            self.products.keys().try_for_each(|id| self.read(session, *id))?;
            self.orders.keys().try_for_each(|id| self.read_order(session, *id))?;
        }
        Ok(())
    }
}

impl Product {
    fn json(&self) -> Value {
        json!({ "name": self.name, "price": self.price, "stock": self.stock })
    }
}

fn pick<T>(map: &BTreeMap<u64, T>, index: Index) -> Option<u64> {
    (!map.is_empty()).then(|| *map.keys().nth(index.index(map.len())).expect("a key"))
}

/// The answer has every field of `expected`, with the same value.
fn equal(session: &Session, request: &Request, answer: &Answer, expected: &Value) -> Result<(), Failure> {
    if agrees(&answer.json(), expected) {
        Ok(())
    } else {
        Err(session.failure(request, answer, &expected.to_string()))
    }
}

/// Numbers are compared by value: `200` is `200.0`.
fn agrees(actual: &Value, expected: &Value) -> bool {
    let fields = expected.as_object().into_iter().flatten();
    fields.into_iter().all(|(name, expected)| match (&actual[name], expected) {
        (Value::Number(actual), Value::Number(expected)) => match (actual.as_u64(), expected.as_u64()) {
            (Some(actual), Some(expected)) => actual == expected,
            _ => actual.as_f64() == expected.as_f64(),
        },
        (actual, expected) => actual == expected,
    })
}

// ---- what comes to be

/// Between the ids of two orders, with nothing but refused ones between them, there is no order. Somebody else may order
/// meanwhile, but hardly every time.
fn without_a_trace(session: &Session) -> Result<(), Failure> {
    let product = create_product(session, &unique("trace"), 1.0, 5)?;
    let mut found = None;
    for _ in 0..5 {
        let first = session.expect(&order_request(session, product, 5), 201, None)?.id();
        session.expect(&order_request(session, product, 6), 400, Some(NOT_ENOUGH_STOCK))?;
        session.expect(&order_request(session, UNKNOWN, 1), 400, Some(PRODUCT_UNAVAILABLE))?;
        for incomplete in [json!({ "product_id": product }), json!({ "quantity": 1 }), json!({})] {
            let request = session.request("orders", "POST", "/orders").json(&incomplete);
            session.expect(&request, 400, Some(MISSING_FIELDS))?;
        }
        session.expect(&order_request(session, product, 1).token("wrong"), 401, Some(UNAUTHORIZED))?;
        let second = session.expect(&order_request(session, product, 5), 201, None)?.id();

        found = None;
        for id in (first + 1..second).take(100) {
            let request = session.request("orders", "GET", format!("/orders/{id}"));
            let answer = session.send(&request)?;
            if answer.status != 404 {
                found =
                    Some(session.failure(&request, &answer, "404, since every order before it was refused"));
            }
        }
        if found.is_none() {
            break;
        }
    }
    found.map_or(Ok(()), Err)
}

/// Nobody remembers that something was not there: most stores count their ids, so the next one can be guessed.
fn once_it_is_there(session: &Session) -> Result<(), Failure> {
    for _ in 0..5 {
        let next = create_product(session, &unique("next"), 1.0, 5)? + 1;
        session.send(&order_request(session, next, 1))?;
        if create_product(session, &unique("next"), 1.0, 5)? == next {
            order(session, next, 1, 5)?;
            break;
        }
    }
    let product = create_product(session, &unique("next"), 1.0, 5)?;
    let new_order = || Ok(session.expect(&order_request(session, product, 1), 201, None)?.id());
    for _ in 0..5 {
        let next = new_order()? + 1;
        session.send(&payment_request(session, next))?;
        if new_order()? == next {
            session.expect(&payment_request(session, next), 201, None)?;
            break;
        }
    }
    Ok(())
}

fn payment_request(session: &Session, order: u64) -> Request {
    let body = json!({ "order_id": order, "amount": 1, "method": "fake-card" });
    session.request("payments", "POST", "/payments").json(&body)
}

/// Callers that create at once are given ids that nobody else was given.
fn all_at_once(session: &Session, effort: Effort) -> Result<(), Failure> {
    let name = unique("at once");
    let product = create_product(session, &name, 1.0, 5)?;
    let order = session.expect(&order_request(session, product, 1), 201, None)?.id();
    let body = json!({ "name": name, "price": 1, "stock": 5 });
    let requests = [
        session.request("products", "POST", "/products").json(&body),
        order_request(session, product, 1),
        payment_request(session, order),
    ];
    for request in &requests {
        let create =
            || (0..effort.cases).map(|_| session.expect(request, 201, None)).collect::<Result<Vec<_>, _>>();
        let answers = thread::scope(|scope| {
            let callers: Vec<_> = (0..4).map(|_| scope.spawn(create)).collect();
            callers.into_iter().map(|caller| caller.join().expect("a caller")).collect::<Result<Vec<_>, _>>()
        })?;
        let mut ids = BTreeSet::new();
        for answer in answers.iter().flatten() {
            if !ids.insert(answer.id()) {
                return Err(session.failure(request, answer, "an id that nobody else was given"));
            }
        }
    }
    Ok(())
}

/// Following the links leads through the whole list, in order. Only a store that has pages is asked for them.
fn in_pages(session: &Session) -> Result<(), Failure> {
    if session.scope == Scope::Common {
        return Ok(());
    }
    let name = unique("paged");
    let created = (0..7).map(|_| create_product(session, &name, 1.0, 5)).collect::<Result<Vec<_>, _>>()?;
    let mut walked = Vec::new();
    let mut next = Some(format!("/products?limit=3&after={}", created[0]));
    while let Some(path) = next {
        let request = session.request("products", "GET", path);
        let answer = session.expect(&request, 200, None)?;
        let page = answer.json();
        let ids: Vec<u64> =
            page.as_array().into_iter().flatten().filter_map(|product| product["id"].as_u64()).collect();
        let last = walked.last().copied().unwrap_or(created[0]);
        if ids.len() > 3 || !ids.is_sorted() || ids.first().is_some_and(|first| *first <= last) {
            return Err(session.failure(
                &request,
                &answer,
                &format!("3 products at most, that follow {last}"),
            ));
        }
        walked.extend(ids);
        let link =
            answer.header("Link").and_then(|link| link.strip_prefix('<')?.strip_suffix(">; rel=\"next\""));
        next = link.map(ToOwned::to_owned);
    }
    let ours: Vec<u64> = walked.into_iter().filter(|id| created.contains(id)).collect();
    if ours != created[1..] {
        let request = session.request("products", "GET", format!("/products?limit=3&after={}", created[0]));
        let answer = session.send(&request)?;
        return Err(session.failure(
            &request,
            &answer,
            &format!("pages with {:?} and not with {ours:?}", &created[1..]),
        ));
    }
    Ok(())
}

// ---- concurrency

/// Orders come in while the product is replaced: each must be decided by a stock that the product had meanwhile.
fn while_the_stock_changes(session: &Session, effort: Effort) -> Result<(), String> {
    let failed = |failure: Failure| failure.to_string();
    let name = unique("concurrent");
    let stocks: Vec<u64> = (0..effort.cases).map(|round| [5, 50, 0, 20][round as usize % 4]).collect();
    let id = create_product(session, &name, 1.0, stocks[0]).map_err(failed)?;
    let began = Instant::now();

    thread::scope(|scope| {
        let orders: Vec<_> = (0..4)
            .map(|caller| {
                let rounds = effort.cases * 4;
                scope.spawn(move || {
                    let quantities = (0..rounds).map(|round| u64::from((round * 7 + caller * 13) % 60) + 1);
                    let decide = |quantity| {
                        let request = order_request(session, id, quantity);
                        let asked = began.elapsed();
                        let answer = session.send(&request)?;
                        Ok((request, answer, quantity, asked, began.elapsed()))
                    };
                    quantities.map(decide).collect::<Result<Vec<_>, Failure>>()
                })
            })
            .collect();

        // A stock is possible from when it was sent until the next one was answered.
        let mut possible = vec![(stocks[0], began.elapsed(), None)];
        for stock in &stocks[1..] {
            let body = json!({ "name": name, "price": 1, "stock": stock });
            let sent = began.elapsed();
            let request = session.request("products", "PUT", format!("/products/{id}")).json(&body);
            session.expect(&request, 200, None).map_err(failed)?;
            possible.last_mut().expect("a stock").2 = Some(began.elapsed());
            possible.push((*stock, sent, None));
        }

        for orders in orders {
            for (request, answer, quantity, asked, answered) in
                orders.join().expect("a caller").map_err(failed)?
            {
                let accepted = match (answer.status, answer.error().as_deref()) {
                    (201, _) => true,
                    (400, Some(NOT_ENOUGH_STOCK)) => false,
                    _ => {
                        return Err(session
                            .failure(&request, &answer, "201, or 400 Not enough stock")
                            .to_string());
                    }
                };
                let explains = |&(stock, from, until): &(u64, _, Option<_>)| {
                    from <= answered
                        && until.is_none_or(|until| until >= asked)
                        && (quantity <= stock) == accepted
                };
                if !possible.iter().any(explains) {
                    let expected = "a decision by a stock that the product had between request and answer";
                    return Err(session.failure(&request, &answer, expected).to_string());
                }
            }
        }
        Ok(())
    })
}

// ---- names

/// A name that nothing else has: properties run at once, and against stores that hold other things.
fn unique(what: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{what}-{now:x}-{} ", NEXT.fetch_add(1, Ordering::Relaxed))
}
