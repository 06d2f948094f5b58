//! Services behind `https://`.

use contract_tests::harness::{ending, folders::new_folder, tls::TlsFrontEnd};

use super::{Console, fails};

pub(crate) fn a_service_is_reached_over_tls(console: &Console) {
    console.succeeds("products create --name Computer --price 200 --stock 20");
    let products = console.store.deployment().service("products").url.clone();
    let front_end = TlsFrontEnd::start(products.trim_start_matches("http://"));
    let reach = |certificate| {
        let mut command = console.command("products list");
        command.env("PRODUCTS_URL", &front_end.url).env("SSL_CERT_FILE", certificate);
        command
    };
    let output = ending::output(&mut reach(front_end.certificate()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("Computer"));

    let other = TlsFrontEnd::start("127.0.0.1:1");
    let message = fails(reach(other.certificate()), 3, "SSL_CERT_FILE can name other authorities");
    assert!(message.contains(&front_end.url), "{message}");
    let mut plain = console.command("products list");
    plain
        .env("PRODUCTS_URL", products.replace("http:", "https:"))
        .env("SSL_CERT_FILE", front_end.certificate());
    fails(plain, 3, "the server does not speak TLS");
    let nothing = new_folder();
    let mut without_any = reach("/dev/null".into());
    without_any.env("SSL_CERT_DIR", nothing.path());
    let message = fails(without_any, 2, "PRODUCTS_URL");
    assert!(message.contains("SSL_CERT_FILE"), "{message}");
}
