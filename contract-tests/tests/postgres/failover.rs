//! A primary that dies, and a synchronous standby that takes over, while callers keep sending requests.
//!
//! `FAILOVERS=20` repeats this 20 times instead of twice.

use std::{
    collections::BTreeMap,
    env,
    sync::atomic::Ordering::Relaxed,
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::{
        deployment::{SERVICES, variable},
        exchange::Request,
        session::Session,
    },
    harness::{
        folders::new_folder,
        pair::Pair,
        store::Store,
        waiting::{self, SetOnDrop},
    },
};
use serde_json::{Value, json};

use crate::{PROGRAM, load::Load};

/// How many callers there are.
const CALLERS: usize = 6;

/// How many writes each service acknowledges before its primary dies.
const WRITES: usize = 60;

/// How long after the promotion the first write may be acknowledged.
const RECOVERY: Duration = Duration::from_secs(10);

fn probe(session: &Session, service: &str, path: &str) -> u16 {
    session.send(&Request::new(service, "GET", path)).unwrap_or_else(|failure| panic!("{failure}")).status
}

fn wait_until_all(session: &Session, status: u16) {
    let is_so = || SERVICES.iter().all(|service| probe(session, service, "/readyz") == status);
    waiting::until(&format!("{status} from every /readyz"), is_so).unwrap();
}

/// A store on the databases of a pair.
fn store_on(pair: &Pair, settings: &[(&str, &str)]) -> Store {
    let mut admin = pair.session("postgres");
    SERVICES.iter().for_each(|service| admin.execute(&format!("CREATE DATABASE {service}")));
    let urls = SERVICES.iter().map(|service| (variable(service, "DATABASE_URL"), pair.url(service)));
    let urls: Vec<(String, String)> = urls.collect();
    let urls = urls.iter().map(|(variable, url)| (variable.as_str(), url.as_str()));
    let settings: Vec<(&str, &str)> = urls.chain(settings.iter().copied()).collect();
    Store::start_with(new_folder(), Vec::new(), PROGRAM, &settings)
}

pub(crate) fn a_promoted_standby_has_every_acknowledged_write() {
    let rounds = env::var("FAILOVERS").map_or(2, |rounds| rounds.parse().expect("FAILOVERS is a number"));
    let mut pair = Pair::start();
    let store = store_on(&pair, &[]);
    pair.add_standby();
    let session = Session::new(store.deployment());
    let held = json!({ "name": "held", "price": 1, "stock": 0 });
    let create = session.request("products", "POST", "/products").json(&held);
    let replace = session.request("products", "PUT", "/products/1").json(&held);
    session.expect(&create, 201, None).unwrap();

    let load = &Load::new(&session);
    thread::scope(|scope| {
        let _over = SetOnDrop(&load.is_over);
        (0..CALLERS).for_each(|caller| drop(scope.spawn(move || load.insist(caller))));
        scope.spawn(|| load.try_once_each());
        scope.spawn(|| {
            while !load.is_over.load(Relaxed) {
                SERVICES.iter().for_each(|service| assert_eq!(probe(&session, service, "/livez"), 200));
                thread::sleep(Duration::from_millis(5));
            }
        });
        for round in 1..=rounds {
            load.wait_for_more_of_each(WRITES);
            wait_until_all(&session, 200);
            // A request that waits on the primary does so no longer than that lives.
            let mut holder = pair.session("products");
            holder.execute("BEGIN; SELECT FROM product WHERE id = 1 FOR UPDATE");
            let waiter =
                scope.spawn(|| session.send(&replace).map(|response| (response.status, Instant::now())));
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
                           AND query LIKE 'UPDATE product %'";
            let mut watcher = pair.session("products");
            waiting::until("a request to wait", || watcher.number(waiting) == 1).unwrap();

            let killed = Instant::now();
            pair.kill_primary();
            wait_until_all(&session, 503);
            let noticed = killed.elapsed();
            pair.promote();
            let promoted = Instant::now();
            load.wait_for_more_of_each(1);
            let recovered = promoted.elapsed();
            assert!(recovered < RECOVERY, "the first write took {recovered:?} after the promotion");
            wait_until_all(&session, 200);
            let (status, answered) = waiter.join().unwrap().unwrap_or_else(|failure| panic!("{failure}"));
            let waited = answered - killed;
            assert!([200, 500, 503].contains(&status) && waited < RECOVERY, "{status} after {waited:?}");
            println!(
                "failover {round}: 503 after {noticed:?}, writes {recovered:?} after the promotion; \
                 who waited for a lock got {status} after {waited:?}"
            );
            if round < rounds {
                pair.add_standby();
            }
        }
        load.wait_for_more_of_each(WRITES);
    });
    check(&pair, &session, load);
}

pub(crate) fn a_primary_that_hangs_is_given_up_at_the_deadline() {
    let mut pair = Pair::start();
    let store = store_on(&pair, &[("REQUEST_TIMEOUT", "2s")]);
    pair.add_standby();
    let session = Session::new(store.deployment());
    let load = &Load::new(&session);
    thread::scope(|scope| {
        let _over = SetOnDrop(&load.is_over);
        (0..CALLERS).for_each(|caller| drop(scope.spawn(move || load.insist(caller))));
        load.wait_for_more_of_each(WRITES);
        // Its system still acknowledges all packets.
        let _hung = pair.hang_primary();
        pair.promote();
        load.wait_for_more_of_each(WRITES);
        wait_until_all(&session, 200);
    });
    check(&pair, &session, load);
}

pub(crate) fn a_failover_leaves_no_stock_taken_without_an_order() {
    const STOCK: i64 = 1_000_000;
    let mut pair = Pair::start();
    let store = store_on(&pair, &[("ORDERS_STOCK", "reserve")]);
    pair.add_standby();
    let session = Session::new(store.deployment());
    let product = json!({ "name": "Computer", "price": 1, "stock": STOCK });
    session.expect(&session.request("products", "POST", "/products").json(&product), 201, None).unwrap();
    let load = &Load::new(&session);
    thread::scope(|scope| {
        let _over = SetOnDrop(&load.is_over);
        (0..CALLERS).for_each(|caller| drop(scope.spawn(move || load.order(caller, 1))));
        load.wait_for_more("orders", WRITES);
        pair.kill_primary();
        pair.promote();
        load.wait_for_more("orders", WRITES);
    });
    let (mut products, mut orders) = (pair.session("products"), pair.session("orders"));
    let intents = "SELECT count(*) FROM intent";
    waiting::until("the intents to be settled", || orders.number(intents) == 0).unwrap();
    let acknowledged = i64::try_from(load.acknowledged()["orders"].len()).unwrap();
    assert_eq!(orders.number("SELECT count(*) FROM purchase_order"), acknowledged);
    assert_eq!(products.number("SELECT stock FROM product"), STOCK - acknowledged);
    let held = "SELECT sum(quantity)::bigint FROM reservation WHERE status = 'HELD'";
    assert_eq!(products.number(held), acknowledged);
    println!("{acknowledged} orders with reservations, {} requests were refused", load.refused.load(Relaxed));
}

pub(crate) fn a_write_that_no_standby_has_is_not_acknowledged() {
    let mut pair = Pair::start();
    let store = store_on(&pair, &[]);
    pair.add_standby();
    let session = Session::new(store.deployment());
    let product = json!({ "name": "Computer", "price": 1, "stock": 0 });
    let create = session.request("products", "POST", "/products").json(&product);
    let with_key = create.clone().header("Idempotency-Key", "key");
    session.expect(&create, 201, None).unwrap();

    let stalled = pair.stall_standby();
    for request in [&create, &with_key] {
        // The primary has it, and whether the standby will is not known.
        let hurried = request.clone().header("X-Request-Timeout-Ms", "300");
        session.expect(&hurried, 500, Some("Internal error")).unwrap();
    }
    store.services[0].wait_for_log("it is not known whether the transaction was committed: it was cancelled");
    // Nor is the stored response sent before the standby has it.
    let hurried = with_key.clone().header("X-Request-Timeout-Ms", "300");
    session.expect(&hurried, 503, Some("Service unavailable")).unwrap();
    drop(stalled);
    let created = session.expect(&with_key, 201, None).unwrap();
    assert_eq!(created.header("Idempotency-Replayed"), Some("true"), "{created}");
    assert_eq!(pair.session("products").number("SELECT count(*) FROM product"), 3);
}

/// Everything that was acknowledged is there and as it was, and nothing is there twice.
fn check(pair: &Pair, session: &Session, load: &Load<'_>) {
    let acknowledged = load.acknowledged();
    for (service, created) in &acknowledged {
        for (id, created) in created {
            let read = session.request(service, "GET", format!("/{service}/{id}"));
            let response = session.send(&read).unwrap_or_else(|failure| panic!("{failure}"));
            let body = String::from_utf8_lossy(&created.body);
            assert!(
                response.status == 200 && response.body == created.body,
                "{body} was acknowledged: {response}"
            );
        }
    }
    // Products can be listed; each has the name of its key.
    let mut listed = BTreeMap::new();
    while let Some(page) = Some(page(session, listed.keys().last().copied())).filter(|page| !page.is_empty())
    {
        listed.extend(page);
    }
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    listed.values().for_each(|name| *names.entry(name).or_default() += 1);
    let twice: Vec<_> = names.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "created twice: {twice:?}");
    let uncertain = load.uncertain();
    let unknown = listed.iter().filter(|(id, name)| {
        !acknowledged["products"].contains_key(id) && !uncertain.contains(name) && *name != "held"
    });
    assert_eq!(unknown.count(), 0, "products that nobody was told of");
    // Each order has a product of its own, and each payment an order; all were acknowledged in the end.
    for (service, count) in [
        ("orders", "SELECT count(*) FROM purchase_order"),
        ("orders", "SELECT count(DISTINCT product_id) FROM purchase_order"),
        ("payments", "SELECT count(*) FROM payment"),
        ("payments", "SELECT count(DISTINCT order_id) FROM payment"),
    ] {
        let expected = i64::try_from(acknowledged[service].len()).unwrap();
        assert_eq!(pair.session(service).number(count), expected, "{service}: {count}");
    }
    println!(
        "{} writes were acknowledged, none was lost or done twice; {} were refused, the longest pause was {:?}",
        acknowledged.values().map(BTreeMap::len).sum::<usize>(),
        load.refused.load(Relaxed),
        load.longest_gap(),
    );
}

/// The names of the next products, by id.
fn page(session: &Session, after: Option<u64>) -> BTreeMap<u64, String> {
    let after = after.map(|id| format!("&after={id}")).unwrap_or_default();
    let read = session.request("products", "GET", format!("/products?limit=1000{after}"));
    let list = session.expect(&read, 200, None).unwrap().json();
    let product =
        |product: &Value| (product["id"].as_u64().unwrap(), product["name"].as_str().unwrap().into());
    list.as_array().unwrap().iter().map(product).collect()
}
