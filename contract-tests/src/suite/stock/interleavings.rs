//! In any interleaving of creates, replacements, orders, payments and refusals, every response is the one that a small model predicts.

use std::collections::BTreeMap;

use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

use super::requests::*;
use crate::engine::{
    exchange::Request,
    failure::Failure,
    property::{Effort, run},
    session::Session,
};

/// What a caller does to a store.
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
    /// A write without the right token.
    Unauthenticated(Write, Index),
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

pub(super) fn in_any_interleaving(session: &Session, effort: Effort) -> Result<(), String> {
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
        2 => (write, index()).prop_map(|(write, target)| Action::Unauthenticated(write, target)),
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
                let response = session.expect(&request, 201, None)?;
                equal(session, &request, &response, &product.json())?;
                if self.products.insert(response.id(), product).is_some() {
                    return Err(session.failure(&request, &response, "an id that no product has yet"));
                }
                self.read(session, response.id())
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
                    let response = session.expect(&request, 200, None)?;
                    equal(session, &request, &response, &expected)?;
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
                let response = session.expect(&request, 201, None)?;
                let expected = json!({ "product_id": id, "quantity": quantity, "status": "PENDING" });
                equal(session, &request, &response, &expected)?;
                if self.orders.insert(response.id(), (id, quantity)).is_some() {
                    return Err(session.failure(&request, &response, "an id that no order has yet"));
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
                let response = session.expect(&request, 201, None)?;
                let mut expected = body;
                expected["status"] = "SUCCESS".into();
                equal(session, &request, &response, &expected)?;
                if self.payments.insert(response.id(), (id, amount)).is_some() {
                    return Err(session.failure(&request, &response, "an id that no payment has yet"));
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
            Action::Unauthenticated(write, target) => {
                let request = self.write(session, write, target).token("another-token");
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
        let response = session.expect(&request, 200, None)?;
        equal(session, &request, &response, &expected)
    }

    fn read_order(&self, session: &Session, id: u64) -> Result<(), Failure> {
        let request = session.request("orders", "GET", format!("/orders/{id}"));
        let (product, quantity) = self.orders[&id];
        let response = session.expect(&request, 200, None)?;
        let expected = json!({ "id": id, "product_id": product, "quantity": quantity, "status": "PENDING" });
        equal(session, &request, &response, &expected)
    }

    /// The list has everything in the model, once and as it is, and nothing that was refused.
    fn list(&self, session: &Session) -> Result<(), Failure> {
        let request = session.request("products", "GET", "/products");
        let response = session.expect(&request, 200, None)?;
        let list = response.json();
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
            return Err(session.failure(&request, &response, &expected));
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
