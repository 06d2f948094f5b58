//! A server whose disk is full.

use contract_tests::{
    engine::{exchange::Request, session::Session},
    harness::{
        folders::new_folder,
        postgres::{Disk, Server},
        store::Store,
        waiting,
    },
};
use serde_json::json;

use crate::PROGRAM;

pub(crate) fn readyz_reports_a_full_disk_and_the_service_recovers(disk: &Disk) {
    let server: &'static Server = Box::leak(Box::new(Server::start(&[])));
    let databases = ["products", "orders", "payments"].map(|service| server.database(service));
    let mut admin = server.session();
    // The write-ahead log stays elsewhere: without room for that, the server ends.
    admin.execute(&format!("CREATE TABLESPACE small LOCATION '{}'", disk.folder().display()));
    admin.execute(&format!("ALTER DATABASE {} SET TABLESPACE small", databases[0].name()));
    let store = Store::start_with(new_folder(), databases.into(), PROGRAM, &[]);
    let session = Session::new(store.deployment());
    let product = json!({ "name": "x".repeat(200), "price": 1, "stock": 0 });
    let create = session.request("products", "POST", "/products").json(&product);
    let status = |path: &str| session.send(&Request::new("products", "GET", path)).unwrap().status;
    session.expect(&create, 201, None).unwrap();
    let mut created = 1;
    for round in 0..2 {
        disk.fill();
        let is_refused = || {
            let response = session.send(&create).unwrap();
            created += i64::from(response.status == 201);
            response.status != 201
        };
        waiting::until("the disk to be full", is_refused).unwrap();
        for key in ["a", "b"] {
            let create = create.clone().header("Idempotency-Key", format!("{key}-{round}"));
            let refused = session.expect(&create, 503, Some("Service unavailable")).unwrap();
            assert_eq!(refused.header("Retry-After"), Some("1"));
            assert_eq!((status("/readyz"), status("/livez")), (503, 200));
        }
        store.services[0].wait_for_log("No space left on device (SQLSTATE 53100)");
        let read = session.request("products", "GET", "/products/1");
        session.expect(&read, 200, None).unwrap();
        disk.clear();
        waiting::until("the service to be ready again", || status("/readyz") == 200).unwrap();
        let with_key = create.clone().header("Idempotency-Key", format!("a-{round}"));
        let after = session.expect(&with_key, 201, None).unwrap();
        assert_eq!(after.header("Idempotency-Replayed"), None, "it was refused before");
        created += 1;
        assert_eq!(store.rows("products"), created);
    }
}
